/** What a component instance's WASI imports tell the filter's host. */
export interface WasiHost {
  /** Bytes for stdout (1) or stderr (2): at most 64 KiB a call, the host's to keep. */
  writeStdio(fd: 1 | 2, bytes: Buffer): void;
  /** The guest exits: 0 is success. Has to throw. */
  exit(status: number): never;
  /**
   * The guest tried what it wasn't granted: `what` it did (`connect to db.internal:5432`), and the line of YAML that
   * grants it (`capabilities.tcp: ["db.internal:5432"]`), empty where nothing can. Called once per text, for at most
   * DENIALS_MAX texts of an instance: the guest chooses them.
   */
  denied(what: string, grant: string): void;
}
