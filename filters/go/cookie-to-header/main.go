// Command cookie-to-header copies cookies into request headers, so that an upstream need not know about cookies.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	config *config
}

// OnPluginStart reads the configuration; a wrong one is refused with its reason in the log.
func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	// An error means that there is none, which parseConfig refuses.
	text, _ := proxywasm.GetPluginConfiguration()
	parsed, err := parseConfig(text)
	if err != nil {
		proxywasm.LogError("cookie-to-header: wrong configuration: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	p.config = parsed
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	return &exchange{config: p.config}
}

type exchange struct {
	types.DefaultHttpContext
	config *config
}

func (e *exchange) OnHttpRequestHeaders(int, bool) types.Action {
	c := e.config
	if c == nil {
		return types.ActionContinue
	}
	values := make([]string, len(c.rules))
	found := make([]bool, len(c.rules))
	e.readCookies(values, found)
	for i, rule := range c.rules {
		if !c.overwrite && hasHeader(rule.header) {
			continue
		}
		// What the client sent under this name must never reach the upstream, cookie or not.
		_ = proxywasm.RemoveHttpRequestHeader(rule.header)
		if !found[i] {
			continue
		}
		if err := proxywasm.ReplaceHttpRequestHeader(rule.header, values[i]); err != nil {
			proxywasm.LogWarn("cookie-to-header: the host refused the value for " + rule.header)
		}
	}
	return types.ActionContinue
}

// readCookies finds the wanted cookies (the first of each name counts) and takes them away where configured.
func (e *exchange) readCookies(values []string, found []bool) {
	if !hasHeader("cookie") {
		return
	}
	// A client may send several Cookie headers; the hostcall for one header shows the first only.
	headers, err := proxywasm.GetHttpRequestHeaders()
	if err != nil {
		return
	}
	var kept []string
	removed := false
	for _, header := range headers {
		if header[0] != "cookie" {
			continue
		}
		rest := eachCookie(header[1], func(name, value string) bool {
			i, wanted := e.config.byCookie[name]
			if wanted && !found[i] {
				values[i], found[i] = value, true
			}
			return !wanted
		})
		removed = removed || rest != header[1]
		if rest != "" {
			kept = append(kept, rest)
		}
	}
	if removed && e.config.removeCookie {
		replaceCookies(kept)
	}
}

func replaceCookies(kept []string) {
	_ = proxywasm.RemoveHttpRequestHeader("cookie")
	for _, value := range kept {
		if err := proxywasm.AddHttpRequestHeader("cookie", value); err != nil {
			proxywasm.LogWarn("cookie-to-header: the host refused the remaining cookies")
		}
	}
}

func hasHeader(name string) bool {
	_, err := proxywasm.GetHttpRequestHeader(name)
	return err == nil
}
