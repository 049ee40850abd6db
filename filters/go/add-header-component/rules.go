package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// rules are what the configuration asks for: read once, applied to every exchange.
type rules struct {
	request, response changes
}

type header struct {
	name, value string
}

// changes are the headers of one direction.
type changes struct {
	remove   []string
	set, add []header
}

func (c *changes) isEmpty() bool { return len(c.remove)+len(c.set)+len(c.add) == 0 }

func (c *changes) apply(which mapType) {
	for _, name := range c.remove {
		remove(which, name)
	}
	for _, h := range c.set {
		if !set(which, h.name, h.value) {
			log(levelWarn, "add-header: the host refused to set "+h.name)
		}
	}
	for _, h := range c.add {
		if !add(which, h.name, h.value) {
			log(levelWarn, "add-header: the host refused to add "+h.name)
		}
	}
}

func parse(configuration []byte) (*rules, error) {
	if len(configuration) == 0 {
		return nil, errors.New("there is none; a JSON object is needed")
	}
	// Parsing alone lets some things pass that are no JSON.
	if err := fastjson.ValidateBytes(configuration); err != nil {
		return nil, errors.New("not JSON: " + err.Error())
	}
	value, err := fastjson.ParseBytes(configuration)
	if err != nil {
		return nil, errors.New("not JSON: " + err.Error())
	}
	object, err := members(value, "", "a JSON object")
	if err != nil {
		return nil, err
	}
	if object.has("header") || object.has("value") {
		return readShort(object)
	}
	return readLong(object)
}

// readShort reads {"header": "x-hello", "value": "weir"}: that header, both ways.
func readShort(object fields) (*rules, error) {
	if err := object.only("", "header", "value"); err != nil {
		return nil, err
	}
	found := object.find("header")
	if found == nil {
		return nil, errors.New("header: a header name is needed")
	}
	text, err := found.StringBytes()
	if err != nil {
		return nil, wrong("header", "a string", found)
	}
	name, err := headerName(string(text), "header")
	if err != nil {
		return nil, err
	}
	value := "weir"
	if found := object.find("value"); found != nil {
		if value, err = headerValue(found, "value"); err != nil {
			return nil, err
		}
	}
	both := changes{set: []header{{name, value}}}
	return &rules{request: both, response: both}, nil
}

func readLong(object fields) (*rules, error) {
	if err := object.only("", "request", "response", "header", "value"); err != nil {
		return nil, err
	}
	r := &rules{}
	if err := r.request.read(object, "request"); err != nil {
		return nil, err
	}
	if err := r.response.read(object, "response"); err != nil {
		return nil, err
	}
	if r.request.isEmpty() && r.response.isEmpty() {
		return nil, errors.New("nothing to do: neither request nor response has a header to set, add or remove")
	}
	return r, nil
}

func (c *changes) read(from fields, key string) error {
	found := from.find(key)
	if found == nil {
		return nil
	}
	object, err := members(found, key, "an object")
	if err != nil {
		return err
	}
	if err = object.only(key, "set", "add", "remove"); err != nil {
		return err
	}
	if c.remove, err = readNames(object.find("remove"), key+".remove"); err != nil {
		return err
	}
	if c.set, err = readHeaders(object.find("set"), key+".set", false); err != nil {
		return err
	}
	c.add, err = readHeaders(object.find("add"), key+".add", true)
	return err
}

func readNames(found *fastjson.Value, place string) ([]string, error) {
	if found == nil {
		return nil, nil
	}
	items, err := found.Array()
	if err != nil {
		return nil, wrong(place, "an array", found)
	}
	var names []string
	for i, item := range items {
		text, err := item.StringBytes()
		if err != nil {
			return nil, wrong(place+"."+strconv.Itoa(i), "a string", item)
		}
		name, err := headerName(string(text), place)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// readHeaders reads {"name": "value"}; with lists a value may be a list.
func readHeaders(found *fastjson.Value, place string, lists bool) ([]header, error) {
	if found == nil {
		return nil, nil
	}
	object, err := members(found, place, "an object")
	if err != nil {
		return nil, err
	}
	var headers []header
	for _, f := range object {
		name, err := headerName(f.key, place)
		if err != nil {
			return nil, err
		}
		values := []*fastjson.Value{f.value}
		if lists && f.value.Type() == fastjson.TypeArray {
			values, _ = f.value.Array()
		}
		for _, one := range values {
			value, err := headerValue(one, place+"."+f.key)
			if err != nil {
				return nil, err
			}
			headers = append(headers, header{name, value})
		}
	}
	return headers, nil
}

// fields are the members of an object, in the order of their keys.
type fields []field

type field struct {
	key   string
	value *fastjson.Value
}

func members(value *fastjson.Value, place, wanted string) (fields, error) {
	object, err := value.Object()
	if err != nil {
		return nil, wrong(place, wanted, value)
	}
	var found fields
	object.Visit(func(key []byte, value *fastjson.Value) {
		found = append(found, field{string(key), value})
	})
	slices.SortStableFunc(found, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return found, nil
}

func (f fields) has(key string) bool {
	return slices.ContainsFunc(f, func(one field) bool { return one.key == key })
}

// find is what is there and not null.
func (f fields) find(key string) *fastjson.Value {
	for _, one := range f {
		if one.key == key && one.value.Type() != fastjson.TypeNull {
			return one.value
		}
	}
	return nil
}

// only refuses keys that nothing reads: a typing mistake must not pass in silence.
func (f fields) only(path string, known ...string) error {
	for _, one := range f {
		if !slices.Contains(known, one.key) {
			return errors.New(at(path, one.key) + ": unknown key; known are " + strings.Join(known, ", "))
		}
	}
	return nil
}

func at(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func wrong(place, wanted string, found *fastjson.Value) error {
	kind := map[fastjson.Type]string{
		fastjson.TypeNull:   "null",
		fastjson.TypeTrue:   "a boolean",
		fastjson.TypeFalse:  "a boolean",
		fastjson.TypeNumber: "a number",
		fastjson.TypeString: "a string",
		fastjson.TypeArray:  "an array",
		fastjson.TypeObject: "an object",
	}[found.Type()]
	if place != "" {
		place += ": "
	}
	return errors.New(place + wanted + " is needed, not " + kind)
}

// headerName is a name in lower case, if it is a token of RFC 9110.
func headerName(text, place string) (string, error) {
	for i := 0; i < len(text); i++ {
		b := text[i]
		alphanumeric := b >= '0' && b <= '9' || b|32 >= 'a' && b|32 <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", b) < 0 {
			return "", errors.New(place + ": " + strconv.Quote(text) + " is not a header name")
		}
	}
	if text == "" {
		return "", errors.New(place + `: "" is not a header name`)
	}
	return strings.ToLower(text), nil
}

// headerValue has no control characters but tab, which no host has a reason to refuse.
func headerValue(found *fastjson.Value, place string) (string, error) {
	text, err := found.StringBytes()
	if err != nil {
		return "", wrong(place, "a string", found)
	}
	for _, b := range text {
		if b < ' ' && b != '\t' || b == 0x7f {
			return "", errors.New(place + ": control characters in a header value")
		}
	}
	return string(text), nil
}
