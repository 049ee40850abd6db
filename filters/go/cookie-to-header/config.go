package main

import (
	"errors"
	"sort"
	"strconv"
	"strings"

	"github.com/valyala/fastjson" // encoding/json would take the module from 2.8 to 3.4 MB
)

type rule struct {
	cookie string
	header string
}

type config struct {
	rules        []rule
	byCookie     map[string]int // index into rules
	removeCookie bool
	overwrite    bool
}

func parseConfig(text []byte) (*config, error) {
	if len(text) == 0 {
		return nil, errors.New("there is none; a JSON object with \"cookies\" is needed")
	}
	value, err := fastjson.ParseBytes(text)
	if err != nil {
		return nil, err
	}
	object, err := value.Object()
	if err != nil {
		return nil, errors.New("a JSON object is needed")
	}
	c := &config{byCookie: map[string]int{}, overwrite: true}
	object.Visit(func(key []byte, value *fastjson.Value) {
		if err == nil {
			err = c.read(string(key), value)
		}
	})
	if err == nil {
		err = c.index()
	}
	return c, err
}

func (c *config) read(key string, value *fastjson.Value) (err error) {
	switch key {
	case "cookies":
		err = c.readCookies(value)
	case "removeCookie":
		c.removeCookie, err = value.Bool()
	case "overwrite":
		c.overwrite, err = value.Bool()
	default:
		err = errors.New("unknown key; known are cookies, overwrite, removeCookie")
	}
	if err != nil {
		return errors.New(key + ": " + err.Error())
	}
	return nil
}

func (c *config) readCookies(value *fastjson.Value) error {
	cookies, err := value.Object()
	if err != nil {
		return err
	}
	cookies.Visit(func(key []byte, value *fastjson.Value) {
		cookie := string(key)
		header, problem := value.StringBytes()
		name := strings.ToLower(string(header))
		switch {
		case err != nil:
		case !isToken(cookie):
			err = errors.New(strconv.Quote(cookie) + " is not a cookie name")
		case problem != nil:
			err = errors.New(cookie + ": " + problem.Error())
		case !isToken(name) || name == "cookie":
			err = errors.New(cookie + ": " + strconv.Quote(name) + " is not a header name that can be used")
		}
		c.rules = append(c.rules, rule{cookie: cookie, header: name})
	})
	return err
}

// index checks the rules against each other and makes them findable.
func (c *config) index() error {
	if len(c.rules) == 0 {
		return errors.New("cookies: at least one cookie with a header name is needed")
	}
	sort.Slice(c.rules, func(i, j int) bool { return c.rules[i].cookie < c.rules[j].cookie })
	headers := map[string]bool{}
	for i, r := range c.rules {
		if headers[r.header] {
			return errors.New("cookies: two cookies go to the same header " + r.header)
		}
		headers[r.header] = true
		c.byCookie[r.cookie] = i
	}
	return nil
}

// isToken tells whether text is a token of RFC 9110: what header names and cookie names are.
func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		b := text[i]
		alphanumeric := b >= '0' && b <= '9' || b|32 >= 'a' && b|32 <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", b) < 0 {
			return false
		}
	}
	return text != ""
}
