/** Something happened: wakes everybody who waits for it now. */
export class Signal {
  #next = Promise.withResolvers<void>();

  get promise(): Promise<void> {
    return this.#next.promise;
  }

  wake(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
