/** The module that what the engine adds is imported from. */
export const ENGINE_MODULE = 'weir:engine';

/** The import, from ENGINE_MODULE, of the interruption flag: a shared memory of one page, of which word 0 counts. */
export const INTERRUPT_IMPORT = 'interrupt';

/** Byte in the page of the flag where failed growths are counted, as a 32-bit word. */
export const REFUSED_AT = 4;
