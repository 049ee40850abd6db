/* What the configuration asks for: read once, applied to every exchange. */
#ifndef RULES_H
#define RULES_H

#include "../json.h"

typedef struct {
  pw_bytes name; /* in lower case */
  pw_bytes value;
} header;

typedef struct {
  header *items;
  size_t count;
} headers;

typedef struct {
  headers remove; /* without values */
  headers set;
  headers add;
} changes;

typedef struct {
  changes request;
  changes response;
  bool twice; /* the short form: `response` is `request` */
  char *error; /* what is wrong with the configuration, or null */
} rules;

/* Empty rules, or null when memory is out. */
rules *rules_new(void);
/* Reads the JSON text; false: see `error`. */
bool rules_read(rules *r, pw_bytes configuration);
void rules_free(rules *r);

#endif
