import { BELL, BUDGET, CLAIMED, FLAG, RUNNING, SLOT, STATE } from '../../../src/engine/interrupt/protocol.ts';

/** What a participant's code does between two of its atomic steps, all of which go through a World. */
export interface World {
  readonly page: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  now(): number;
  /** As guest code does: reads the flag. */
  check(): boolean;
  /** As an endless guest does: comes back only when the flag is set. */
  spin(): void;
  /** The callback is over, and was told to have been interrupted or not. */
  ended(interrupted: boolean): void;
  /** What comes from here on depends on nothing but shared memory and this. */
  point(local: string): void;
  /** True once the watchdog has died. */
  died(): boolean;
  /** Lets the next watchdog begin; the last one is dead. */
  startNext(): void;
}

export interface Model {
  readonly guest: (world: World) => void;
  /** One after the other: the next begins when the guest says so. */
  readonly watchdogs: readonly ((world: World) => void)[];
  /** ms that each callback may take, in order. */
  readonly budgets: readonly number[];
  /** ms that can pass in all. */
  readonly time: number;
  /** What SLOT is at first. */
  readonly sequence?: number;
  /** The first watchdog can die between any two steps, and waits with a timeout can end by it. */
  readonly mortal?: boolean;
}

type Op =
  | { readonly kind: 'load' | 'notify'; readonly cell: number }
  | { readonly kind: 'store'; readonly cell: number; readonly value: number }
  | { readonly kind: 'cas'; readonly cell: number; readonly expected: number; readonly value: number }
  | { readonly kind: 'wait'; readonly cell: number; readonly expected: number; readonly timed: boolean }
  | { readonly kind: 'ended'; readonly interrupted: boolean }
  | { readonly kind: 'point'; readonly local: string }
  | { readonly kind: 'now' | 'spin' | 'died' | 'startNext' };

type Result = number | string | boolean;

/** A participant after some of its steps. */
interface Place {
  readonly id: number;
  /** What its steps gave so far. */
  readonly results: readonly Result[];
  /** The next one; undefined: it has ended. */
  readonly op: Op | undefined;
}

interface State {
  /** FLAG, SLOT, BUDGET, BELL. */
  readonly cells: readonly number[];
  readonly now: number;
  /** The guest's, then those of the watchdogs. */
  readonly places: readonly Place[];
  /** Who sleeps in a wait, and on which cell; -1: nobody. */
  readonly parked: readonly number[];
  readonly watchdog: number;
  readonly dead: boolean;
  /** Callbacks begun; the last one's begin, and how far it is. */
  readonly callback: number;
  readonly since: number;
  /** One letter for each callback that ended: i interrupted, l left in time. */
  readonly endings: string;
  readonly phase: 'out' | 'in' | 'claimed' | 'left-in-time' | 'left-claimed';
}

/** Thrown by the first step that has no result yet; not an Error: there are many. */
class Pending {
  readonly op: Op;
  constructor(op: Op) {
    this.op = op;
  }
}

const page = new SharedArrayBuffer(1024);
const bell = new SharedArrayBuffer(4);

const CELLS = new Map([
  [FLAG, 0],
  [SLOT, 1],
  [BUDGET, 2],
]);
const FLAG_CELL = 0;
const SLOT_CELL = 1;

/** Runs the code from its start on given results, up to its next step; undefined: it has ended. */
function nextOp(run: (world: World) => void, history: readonly Result[]): Op | undefined {
  let cursor = 0;
  const step = (op: Op): Result => {
    if (cursor < history.length) return history[cursor++]!;
    throw new Pending(op);
  };
  const cellOf = (array: Int32Array, index: number) => {
    const cell = array.buffer === bell && index === BELL ? 3 : CELLS.get(index);
    if (cell === undefined) throw new Error(`word ${index} is not of the protocol`);
    return cell;
  };
  const real = methods(Atomics);
  Object.assign(Atomics, {
    load: (a: Int32Array, i: number) => step({ kind: 'load', cell: cellOf(a, i) }),
    store: (a: Int32Array, i: number, value: number) => step({ kind: 'store', cell: cellOf(a, i), value }),
    compareExchange: (a: Int32Array, i: number, expected: number, value: number) =>
      step({ kind: 'cas', cell: cellOf(a, i), expected, value }),
    notify: (a: Int32Array, i: number) => step({ kind: 'notify', cell: cellOf(a, i) }),
    wait: (a: Int32Array, i: number, expected: number, timeout?: number) =>
      step({ kind: 'wait', cell: cellOf(a, i), expected, timed: timeout !== undefined }),
  });
  try {
    run({
      page,
      bell,
      now: () => step({ kind: 'now' }) as number,
      check: () => step({ kind: 'load', cell: FLAG_CELL }) !== 0,
      spin: () => void step({ kind: 'spin' }),
      ended: interrupted => void step({ kind: 'ended', interrupted }),
      point: local => void step({ kind: 'point', local }),
      died: () => step({ kind: 'died' }) as boolean,
      startNext: () => void step({ kind: 'startNext' }),
    });
    return undefined;
  } catch (error) {
    if (error instanceof Pending) return error.op;
    throw error;
  } finally {
    Object.assign(Atomics, real);
  }
}

function methods({ load, store, compareExchange, notify, wait }: Atomics) {
  return { load, store, compareExchange, notify, wait };
}

/** The places of one participant, found as they are reached. */
class Places {
  readonly start: Place;
  readonly #run: (world: World) => void;
  readonly #after = new Map<string, Place>();
  readonly #points = new Map<string, Place>();
  #count = 0;

  constructor(run: (world: World) => void) {
    this.#run = run;
    this.start = this.#make([]);
  }

  after(place: Place, result: Result): Place {
    const key = `${place.id} ${typeof result} ${result}`;
    let next = this.#after.get(key);
    if (next === undefined) {
      next = this.#make([...place.results, result]);
      this.#after.set(key, next);
    }
    return next;
  }

  #make(results: readonly Result[]): Place {
    const op = nextOp(this.#run, results);
    if (op?.kind !== 'point') return { id: this.#count++, results, op };
    // However it came here, it goes on in the same way.
    let place = this.#points.get(op.local);
    if (place === undefined) {
      place = this.#make([...results, true]);
      this.#points.set(op.local, place);
    }
    return place;
  }
}

/** Visits every state that any interleaving reaches; throws at the first in which something is wrong. */
export function explore(model: Model): { readonly states: number; readonly endings: readonly string[] } {
  const seen = new Set<string>();
  const endings = new Set<string>();
  const all = [model.guest, ...model.watchdogs].map(run => new Places(run));
  const stack: State[] = [
    {
      cells: [0, model.sequence ?? 0, 0, 0],
      now: 0,
      places: all.map(places => places.start),
      parked: all.map(() => -1),
      watchdog: 1,
      dead: false,
      callback: 0,
      since: 0,
      endings: '',
      phase: 'out',
    },
  ];
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    const key = Object.values({ ...state, places: state.places.map(place => place.id) }).join(' ');
    if (seen.has(key)) continue;
    seen.add(key);
    const next: State[] = [];
    for (const who of [0, state.watchdog]) {
      const op = state.places[who]!.op;
      if (op === undefined || (who !== 0 && state.dead)) continue;
      if (state.parked[who] === -1) next.push(...execute(state, who, op, model, all));
      // A wait with a timeout can end by it.
      else if (op.kind === 'wait' && op.timed && model.mortal)
        next.push(resume(state, who, 'timed-out', all));
    }
    const [guest] = state.places;
    if (guest!.op === undefined) endings.add(state.endings);
    else if (next.length === 0 && !state.dead) throw new Error(`nobody can go on: ${print(state)}`);
    if (state.now < model.time) next.push({ ...state, now: state.now + 1 });
    if (model.mortal && !state.dead && state.watchdog === 1) next.push({ ...state, dead: true });
    stack.push(...next);
  }
  return { states: seen.size, endings: [...endings].sort() };
}

function print(state: State): string {
  return JSON.stringify(state);
}

function resume(state: State, who: number, result: Result, all: readonly Places[]): State {
  const place = all[who]!.after(state.places[who]!, result);
  return { ...state, parked: state.parked.with(who, -1), places: state.places.with(who, place) };
}

/** The states that a step can lead to: none while it is blocked. */
function execute(state: State, who: number, op: Op, model: Model, all: readonly Places[]): State[] {
  const go = (result: Result, change: Partial<State> = {}) => [
    resume({ ...state, ...change }, who, result, all),
  ];
  switch (op.kind) {
    case 'load':
      return go(state.cells[op.cell]!);
    case 'store':
      return go(op.value, write(state, who, op.cell, op.value, model));
    case 'cas': {
      const old = state.cells[op.cell]!;
      return go(old, old === op.expected ? write(state, who, op.cell, op.value, model) : {});
    }
    case 'wait':
      if (state.cells[op.cell] !== op.expected) return go('not-equal');
      // The watchdog's tick: nothing depends on how it ends.
      if (who !== 0 && op.timed) return go('timed-out');
      return [{ ...state, parked: state.parked.with(who, op.cell) }];
    case 'notify': {
      const woken = state.parked.flatMap((cell, i) => (cell === op.cell ? [i] : []));
      const [after] = go(woken.length);
      return [woken.reduce((s, i) => resume(s, i, 'ok', all), after!)];
    }
    case 'spin':
      return state.cells[FLAG_CELL] === 0 ? [] : go(true);
    case 'ended': {
      const hit = state.phase === 'left-claimed' || state.phase === 'claimed';
      if (op.interrupted !== hit) throw new Error(`leave said ${op.interrupted}: ${print(state)}`);
      return go(true, { endings: state.endings + (hit ? 'i' : 'l') });
    }
    case 'point':
      throw new Error('a point is no step');
    case 'now':
      return go(state.now);
    case 'died':
      return go(state.dead);
    case 'startNext':
      return go(true, { dead: false, watchdog: state.watchdog + 1, parked: state.parked.map(() => -1) });
  }
}

/** A change of memory, and what it means for the callback that runs; throws when it must not be. */
function write(state: State, who: number, cell: number, value: number, model: Model): Partial<State> {
  const wrong = (what: string) => new Error(`${what}: ${print(state)}`);
  const cells = state.cells.with(cell, value);
  if (cell === FLAG_CELL && value !== 0 && state.phase !== 'claimed')
    throw wrong('the flag hits another callback');
  if (cell !== SLOT_CELL) return { cells };
  const kind = value & STATE;
  if (who === 0 && kind === RUNNING) {
    if (cells[FLAG_CELL] !== 0) throw wrong('a callback begins with the flag set');
    return { cells, callback: state.callback + 1, since: state.now, phase: 'in' };
  }
  if (kind === CLAIMED) {
    if (state.phase !== 'in') throw wrong('a claim of nothing');
    const budget = model.budgets[state.callback - 1]!;
    if (state.now - state.since < budget) throw wrong('a claim before the time');
    return { cells, phase: 'claimed' };
  }
  if (who === 0 && kind === 0) {
    if (cells[FLAG_CELL] !== 0) throw wrong('a callback ends with the flag set');
    if (state.phase === 'in') return { cells, phase: 'left-in-time' };
    if (state.phase === 'claimed') return { cells, phase: 'left-claimed' };
  }
  return { cells };
}
