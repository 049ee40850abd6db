import type { Type } from './wit-type.ts';

/** Lists of them are typed arrays in JavaScript, whose bytes are counted (copies.ts). */
const NUMBERS: ReadonlySet<string> = new Set('u8 s8 u16 s16 u32 s32 u64 s64 f32 f64'.split(' '));

const heavy = new WeakMap<Type, boolean>();
const many = new WeakMap<Type, boolean>();

/** Whether each value of the type is counted when it is copied: text or an array of numbers is in it, whatever its case. */
function isCounted({ head, parts }: Type): boolean {
  if (head === 'string') return true;
  if (head === 'list') return NUMBERS.has(parts[0]?.type?.head ?? '');
  return (
    (head === 'record' || head === 'tuple') && parts.some(({ type }) => type !== undefined && isCounted(type))
  );
}

/** Whether a list in it has items that nothing counts. */
function isHeavy(type: Type): boolean {
  let answer = heavy.get(type);
  if (answer === undefined) {
    const item = type.head === 'list' ? type.parts[0]?.type : undefined;
    const uncounted = item !== undefined && !NUMBERS.has(item.head) && !isCounted(item);
    answer = uncounted || inner(type).some(isHeavy);
    heavy.set(type, answer);
  }
  return answer;
}

/**
 * Whether values of the type can be far larger than the memory they come from: lists in a list may all be the same piece
 * of it. Those whose items are text or numbers are counted as they are copied.
 */
export function multiplies(type: Type): boolean {
  let answer = many.get(type);
  if (answer === undefined) {
    const item = type.head === 'list' ? type.parts[0]?.type : undefined;
    answer = (item !== undefined && isHeavy(item)) || inner(type).some(multiplies);
    many.set(type, answer);
  }
  return answer;
}

/** The types that values of the type have in them; handles have none. */
function inner({ head, parts, result }: Type): Type[] {
  if (head === 'own' || head === 'borrow' || head === 'resource') return [];
  return [...parts.map(part => part.type), result].filter(type => type !== undefined);
}
