/** Whether If-None-Match names this entity tag (RFC 9110, 13.1.2): weak comparison, and `*` matches any. */
export function isTagNamed(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',', 50)
    .map((part) => part.trim())
    .some((part) => part === '*' || opaqueOf(part) === opaqueOf(etag));
}

const opaqueOf = (etag: string): string => etag.replace(/^W\//, '');
