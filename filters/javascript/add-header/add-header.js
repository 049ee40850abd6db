/** add-header as a component: sets, adds and removes headers of requests and responses. README.md has the keys. */

import { Rules, Wrong } from './rules.js';

class PluginContext {
  #rules = new Rules();

  onVmStart(_configuration) {}

  onConfigure(configuration) {
    try {
      this.#rules = Rules.parse(configuration);
    } catch (error) {
      // What is thrown is the `err` of the result: a string, as the world has it.
      throw error instanceof Wrong ? `wrong configuration: ${error.message}` : String(error);
    }
  }

  createHttpContext(_id) {
    return new HttpContext(this.#rules);
  }

  onDone() {
    return true;
  }

  onLog() {}
}

class HttpContext {
  #rules;

  constructor(rules) {
    this.#rules = rules;
  }

  onRequestHeaders(_count, _endOfStream) {
    this.#rules.request.apply('request-headers');
    return 'continue';
  }

  onResponseHeaders(_count, _endOfStream) {
    this.#rules.response.apply('response-headers');
    return 'continue';
  }

  onDone() {
    return true;
  }

  onLog() {}
}

export const httpHeaders = { PluginContext, HttpContext };
