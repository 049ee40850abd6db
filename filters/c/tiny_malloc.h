/*
 * tiny_malloc.h: malloc, calloc, realloc and free in under a kilobyte of WebAssembly, in place of the 12 KB of
 * wasi-libc. Include it in exactly one source file (in C++ inside no namespace); memory that is freed is used again,
 * and neighbours are joined. First fit on a list sorted by address: right for a filter that holds little at a time.
 *
 * Apache-2.0, part of Weir.
 */
#ifndef TINY_MALLOC_H
#define TINY_MALLOC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stands 8 bytes before what malloc returns, which is aligned to 16. `size` counts this header too. */
typedef struct tiny_block {
  size_t size;
  struct tiny_block *next; /* only while free */
} tiny_block;

extern unsigned char __heap_base;
static tiny_block *tiny_free_list;
static uintptr_t tiny_top; /* the end of what was ever handed to the list */

enum { TINY_PAGE = 65536, TINY_HEADER = 8 };

void free(void *memory) {
  if (memory == NULL) return;
  tiny_block *block = (tiny_block *)((uintptr_t)memory - TINY_HEADER);
  tiny_block *before = NULL, *after = tiny_free_list;
  while (after != NULL && after < block) {
    before = after;
    after = after->next;
  }
  if (after != NULL && (uintptr_t)block + block->size == (uintptr_t)after) {
    block->size += after->size;
    after = after->next;
  }
  block->next = after;
  if (before == NULL) {
    tiny_free_list = block;
  } else if ((uintptr_t)before + before->size == (uintptr_t)block) {
    before->size += block->size;
    before->next = block->next;
  } else {
    before->next = block;
  }
}

/* Adds at least `size` bytes to the list. */
static int tiny_grow(size_t size) {
  if (tiny_top == 0) tiny_top = (((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15) + TINY_HEADER;
  uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * TINY_PAGE;
  if (end - tiny_top < size + 2 * TINY_HEADER || end < tiny_top) {
    size_t pages = (size + 2 * TINY_HEADER + TINY_PAGE - 1) / TINY_PAGE;
    size_t previous = __builtin_wasm_memory_grow(0, pages);
    if (previous == SIZE_MAX) return 0;
    end = (uintptr_t)(previous + pages) * TINY_PAGE;
  }
  tiny_block *block = (tiny_block *)tiny_top;
  block->size = (end - TINY_HEADER - tiny_top) & ~(size_t)15;
  tiny_top += block->size;
  free((void *)((uintptr_t)block + TINY_HEADER));
  return 1;
}

/* Not malloc itself: the compiler would turn malloc and memset in calloc into a call of calloc. */
static void *tiny_take(size_t wanted) {
  if (wanted > INT32_MAX) return NULL;
  size_t size = (wanted + TINY_HEADER + 15) & ~(size_t)15;
  do {
    for (tiny_block **link = &tiny_free_list; *link != NULL; link = &(*link)->next) {
      tiny_block *block = *link;
      if (block->size < size) continue;
      if (block->size - size >= 32) {
        tiny_block *rest = (tiny_block *)((uintptr_t)block + size);
        rest->size = block->size - size;
        rest->next = block->next;
        *link = rest;
        block->size = size;
      } else {
        *link = block->next;
      }
      return (void *)((uintptr_t)block + TINY_HEADER);
    }
  } while (tiny_grow(size));
  return NULL;
}

void *malloc(size_t size) { return tiny_take(size); }

void *calloc(size_t count, size_t each) {
  size_t size;
  if (__builtin_mul_overflow(count, each, &size)) return NULL;
  void *memory = tiny_take(size);
  if (memory != NULL) memset(memory, 0, size);
  return memory;
}

void *realloc(void *memory, size_t size) {
  size_t has = memory == NULL ? 0 : ((tiny_block *)((uintptr_t)memory - TINY_HEADER))->size - TINY_HEADER;
  if (memory != NULL && size <= has) return memory;
  void *larger = tiny_take(size);
  if (larger != NULL && memory != NULL) {
    memcpy(larger, memory, has);
    free(memory);
  }
  return larger;
}

#ifdef __cplusplus
}
#endif
#endif
