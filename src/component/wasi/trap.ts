/**
 * The guest broke a contract of WASI, or asked for more than it may have: its instance must not run on. A
 * `RuntimeError`, because jco's glue takes only those for traps and refuses calls into the instance from then on.
 */
export class WasiTrap extends WebAssembly.RuntimeError {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** The guest asked to wait where nothing can wait: `mode: 'sync'`. */
export class WouldWait extends WasiTrap {
  /** `what`: the WIT function, for example `wasi:io/poll#poll`. */
  constructor(what: string) {
    super(`${what}: the filter waits in a callback, which can't be; a wasi:http component can`);
  }
}

/** The instance was closed while its guest waited. */
export class InstanceClosed extends WasiTrap {
  constructor() {
    super('the instance was closed while it waited');
  }
}
