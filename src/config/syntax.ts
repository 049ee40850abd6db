/** Clearer words for the YAML faults people run into; anything else keeps the parser's. */
export function remedyForSyntax(
  code: string,
  message: string,
  text: string,
  offset: number,
): { message: string; remedy: string } {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return { message: 'the file holds several YAML documents', remedy: 'keep one; remove the --- line' };
    case 'TAB_AS_INDENT':
      return { message: 'a tab can not indent', remedy: 'use blanks' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        message: 'a second ": " in one line',
        remedy: 'quote the value, or put it on a line of its own',
      };
    case 'BAD_SCALAR_START':
      return { message: 'a plain value can not start with this character', remedy: 'quote the value' };
    case 'TAG_RESOLVE_FAILED':
      return { message: message.replace('Unresolved tag:', 'unknown tag'), remedy: 'remove the tag' };
    case 'MISSING_CHAR':
      if (!message.startsWith('Missing closing')) return { message: plain(message), remedy: '' };
      return {
        message: 'a quote is never closed',
        remedy: 'close it, or double it if it belongs to the text',
      };
    case 'UNEXPECTED_TOKEN':
      // [::1]:80 reads as a sequence with something after it.
      if (/\[[0-9a-f:.]*:[0-9a-f:.]*\]$/i.test(text.slice(Math.max(0, offset - 60), offset))) {
        return { message: 'text after a closing ]', remedy: 'quote an IPv6 address: "[::1]:8080"' };
      }
      return { message: plain(message), remedy: '' };
    default:
      return { message: plain(message), remedy: '' };
  }
}

function plain(message: string): string {
  const first = message.split('\n')[0] ?? '';
  return `YAML: ${first.slice(0, 1).toLowerCase()}${first.slice(1, 200)}`;
}
