package main

import "strings"

// eachCookie calls keep for every name=value of a Cookie header, and returns the header without the cookies that
// were not kept: unchanged, byte for byte, when all were.
func eachCookie(header string, keep func(name, value string) bool) string {
	var rest strings.Builder
	changed := false
	for left := header; left != ""; {
		pair, after, _ := strings.Cut(left, ";")
		left = after
		pair = strings.Trim(pair, " \t")
		name, value, isPair := strings.Cut(pair, "=")
		if isPair && !keep(strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")) {
			changed = true
			continue
		}
		if pair == "" {
			continue
		}
		if rest.Len() > 0 {
			rest.WriteString("; ")
		}
		rest.WriteString(pair)
	}
	if !changed {
		return header
	}
	return rest.String()
}
