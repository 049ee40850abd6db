// add-header as a component: sets, adds and removes headers of requests and responses. README.md has the keys.
package main

const actionContinue = 0

func main() {}

type pluginContext struct {
	rules *rules
}

var (
	plugins table[*pluginContext]
	// A stream knows nothing but the rules that were in force when it began.
	streams table[*rules]
)

//go:wasmexport weir:filter/http-headers@0.1.0#[constructor]plugin-context
func newPlugin() uint32 {
	return pluginContextNew(plugins.put(&pluginContext{rules: &rules{}}))
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]plugin-context.on-vm-start
func onVMStart(self, configuration, size uint32) uint32 {
	take(configuration, size)
	return returned("")
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]plugin-context.on-configure
func onConfigure(self, configuration, size uint32) uint32 {
	read, err := parse(take(configuration, size))
	if err != nil {
		return returned("wrong configuration: " + err.Error())
	}
	plugins.items[self].rules = read
	return returned("")
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]plugin-context.create-http-context
func createHTTPContext(self, id uint32) uint32 {
	return httpContextNew(streams.put(plugins.items[self].rules))
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]plugin-context.on-done
func onPluginDone(self uint32) uint32 { return 1 }

//go:wasmexport weir:filter/http-headers@0.1.0#[method]plugin-context.on-log
func onPluginLog(self uint32) {}

//go:wasmexport weir:filter/http-headers@0.1.0#[dtor]plugin-context
func dropPlugin(self uint32) { delete(plugins.items, self) }

//go:wasmexport weir:filter/http-headers@0.1.0#[method]http-context.on-request-headers
func onRequestHeaders(self, count, endOfStream uint32) uint32 {
	streams.items[self].request.apply(requestHeaders)
	return actionContinue
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]http-context.on-response-headers
func onResponseHeaders(self, count, endOfStream uint32) uint32 {
	streams.items[self].response.apply(responseHeaders)
	return actionContinue
}

//go:wasmexport weir:filter/http-headers@0.1.0#[method]http-context.on-done
func onDone(self uint32) uint32 { return 1 }

//go:wasmexport weir:filter/http-headers@0.1.0#[method]http-context.on-log
func onLog(self uint32) {}

//go:wasmexport weir:filter/http-headers@0.1.0#[dtor]http-context
func dropStream(self uint32) { delete(streams.items, self) }
