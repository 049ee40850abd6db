import type { Direction, FilterContext, LocalResponse } from '../plugin/types.ts';

interface Resume {
  readonly context: FilterContext;
  readonly direction: Direction;
}

/** What filters asked of a stream inside hostcalls; carried out when the guest has returned. */
export class Asked {
  closing = false;
  local: { readonly by: FilterContext; readonly response: LocalResponse } | undefined;
  /** Somebody is going to look at this. */
  scheduled = false;
  #resumes: Resume[] = [];

  /** The stream must leave the course it is on before anything else happens. */
  get urgent(): boolean {
    return this.closing || this.local !== undefined;
  }

  resume(context: FilterContext, direction: Direction): void {
    this.#resumes.push({ context, direction });
  }

  nextResume(): Resume | undefined {
    return this.#resumes.shift();
  }

  /** A resume asked for before is not for the stop that a callback may bring next. */
  forgetResumes(context: FilterContext, direction: Direction): void {
    this.#resumes = this.#resumes.filter(r => r.context !== context || r.direction !== direction);
  }
}
