/**
 * Under which names a server that listens on this machine alone is answered. A web page can have its own name lead to
 * 127.0.0.1 (DNS rebinding) and then read what is said there as its own; the name stays in the Host header.
 */

const loopbackAddress = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;

/**
 * @param address that the server listens on
 * @param allowed further names, in any case
 * @param header the request's Host; undefined before HTTP/1.1, which no browser speaks
 */
export function isAllowedHost(
  address: string,
  allowed: readonly string[],
  header: string | undefined,
): boolean {
  if (!loopbackAddress.test(address) || header === undefined) return true;
  const name = header.replace(/:\d*$/, "").toLowerCase();
  return (
    name === "localhost" ||
    loopbackAddress.test(name.replace(/^\[(.*)\]$/, "$1")) ||
    allowed.some((one) => one.toLowerCase() === name)
  );
}
