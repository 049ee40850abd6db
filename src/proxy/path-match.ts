// What an upstream may resolve before it looks at a path.
const SPECIAL = /%|\/\/|\/\.|\\/;

/**
 * The form of a path that routes are matched against: without query, escapes of unreserved characters decoded, slashes
 * merged, dot segments resolved (RFC 3986 section 6.2.2). So `/a/../admin`, `//admin` and `/%61dmin` meet the
 * route for `/admin`, and no filter is passed by through spelling. What is forwarded stays as it came.
 */
export function matchPath(target: string): string {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return SPECIAL.test(path) ? normalize(path) : path;
}

function normalize(path: string): string {
  const decoded = path.replace(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : encoded.toUpperCase();
  });
  const segments = decoded.split(/[/\\]+/);
  const out: string[] = [];
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..' && out.length > 1) out.pop();
      if (last) out.push('');
    } else {
      out.push(segment);
    }
  }
  return out.length === 1 ? '/' : out.join('/');
}
