/** Set beside the owner's token: somebody sleeps until the lock is released. */
export const WANTED = 1 << 30;
/** Loads before a thread goes to sleep: some µs, and most sections take less than one. */
const SPINS = 300;
/** ms of a sleep: who was to wake a sleeper may have died before it did. */
const NAP = 10;
/** ms after which `acquire` gives up: the owner has died, and nobody has seen to it yet. */
export const PATIENCE = 1000;

/** Tokens are 1 to 2^30 - 1, one for each thread that ever lived. */
export const MAX_TOKEN = WANTED - 1;

/**
 * A lock of one word in shared memory, which holds its owner's token. A thread that dies in a section keeps the lock
 * until `releaseOf` its token. Each section releases it on its own, in the frame that acquired it: guests can use up the
 * stack, and then no function can be called any more, but builtins of Atomics can.
 *
 *     if ((Atomics.exchange(words, at, 0) & WANTED) !== 0) Atomics.notify(words, at, 1);
 */
export class Lock {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #token: number;

  /** `at`: index of the word. */
  constructor(words: Int32Array, at: number, token: number) {
    this.#words = words;
    this.#at = at;
    this.#token = token;
  }

  /** False: it couldn't be had within `patience` ms. It is also had when an exception of ours, a stack overflow, left it with us. */
  acquire(patience = PATIENCE): boolean {
    return Atomics.compareExchange(this.#words, this.#at, 0, this.#token) === 0 || this.#wait(patience);
  }

  /** For a thread that is known to be dead; nothing happens when it isn't the owner. */
  releaseOf(token: number): void {
    const word = Atomics.load(this.#words, this.#at);
    if ((word & MAX_TOKEN) !== token) return;
    // A sleeper may add its wish between the two.
    if (Atomics.compareExchange(this.#words, this.#at, word, 0) !== word) this.releaseOf(token);
    else Atomics.notify(this.#words, this.#at);
  }

  #wait(patience: number): boolean {
    for (let i = 0; i < SPINS; i++) {
      if (
        Atomics.load(this.#words, this.#at) === 0 &&
        Atomics.compareExchange(this.#words, this.#at, 0, this.#token) === 0
      ) {
        return true;
      }
    }
    const end = performance.now() + patience;
    do {
      const word = Atomics.load(this.#words, this.#at);
      if ((word & MAX_TOKEN) === this.#token) return true;
      if (word === 0) {
        // Others may sleep too, and who woke us has taken note of that away.
        if (Atomics.compareExchange(this.#words, this.#at, 0, this.#token | WANTED) === 0) return true;
        continue;
      }
      const wanted = word | WANTED;
      if (word === wanted || Atomics.compareExchange(this.#words, this.#at, word, wanted) === word) {
        Atomics.wait(this.#words, this.#at, wanted, NAP);
      }
    } while (performance.now() < end);
    return false;
  }
}
