import type { Direction, FilterContext, LocalResponse } from '../plugin/types.ts';

interface Resume<C> {
  readonly context: C;
  readonly direction: Direction;
}

/** What had been asked for at some time. */
export interface Mark<C = FilterContext> {
  readonly closing: boolean;
  readonly local: Asked<C>['local'];
  readonly resumes: readonly Resume<C>[];
}

/** What filters asked of a stream inside hostcalls; carried out when the guest has returned. */
export class Asked<C = FilterContext> {
  closing = false;
  local: { readonly by: C; readonly response: LocalResponse } | undefined;
  /** Somebody is going to look at this. */
  scheduled = false;
  #resumes: Resume<C>[] = [];
  #releases: C[] = [];

  /** The stream must leave the course it is on before anything else happens. */
  get urgent(): boolean {
    return this.closing || this.local !== undefined;
  }

  resume(context: C, direction: Direction): void {
    this.#resumes.push({ context, direction });
  }

  nextResume(): Resume<C> | undefined {
    return this.#resumes.shift();
  }

  /** A resume asked for before is not for the stop that a callback may bring next. */
  forgetResumes(context: C, direction: Direction): void {
    this.#resumes = this.#resumes.filter(r => r.context !== context || r.direction !== direction);
  }

  mark(): Mark<C> {
    return { closing: this.closing, local: this.local, resumes: [...this.#resumes] };
  }

  /** Forgets what was asked for since then; undefined: since ever. */
  forgetSince(mark: Mark<C> | undefined): void {
    this.closing = mark?.closing ?? false;
    this.local = mark?.local;
    this.#resumes = [...(mark?.resumes ?? [])];
  }

  /** That filter is dead: what it has stopped must go on. */
  release(context: C): void {
    this.#releases.push(context);
  }

  nextRelease(): C | undefined {
    return this.#releases.shift();
  }
}
