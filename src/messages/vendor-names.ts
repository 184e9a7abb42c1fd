/** A vendor attribute by its two names (KMIP 2.1 §4.67). */
export interface VendorName {
  readonly vendorIdentification: string
  readonly attributeName: string
}

/**
 * Vendor attributes in 1.x, which knows one name with a prefix: `x-` for the client's, `y-` for the server's (KMIP 1.4 §3.39); 2.x says
 * that the vendors `x` and `y` stand for these. Another vendor's `name` is shown as `x-vendor::name` and read back from that.
 *
 * Undefined when 1.x has no name for it: the vendor has characters that KMIP 2.1 §4.67 does not allow.
 */
export function legacyName(vendorIdentification: string, attributeName: string): string | undefined {
  if (vendorIdentification === 'y') return `y-${attributeName}`
  if (vendorIdentification === 'x' && vendorEnd(attributeName) === -1) return `x-${attributeName}`
  const name = `${vendorIdentification}::${attributeName}`
  return vendorEnd(name) === vendorIdentification.length ? `x-${name}` : undefined
}

/** The vendor and name that a 1.x name stands for; undefined for a name without prefix. */
export function vendorName(name: string): VendorName | undefined {
  if (name.startsWith('y-')) return { vendorIdentification: 'y', attributeName: name.slice(2) }
  if (!name.startsWith('x-')) return undefined
  const rest = name.slice(2)
  const end = vendorEnd(rest)
  if (end === -1) return { vendorIdentification: 'x', attributeName: rest }
  return { vendorIdentification: rest.slice(0, end), attributeName: rest.slice(end + separator.length) }
}

const separator = '::'

/** Where a vendor at the start of a name ends, or -1 when none stands there. */
function vendorEnd(name: string): number {
  const end = name.indexOf(separator)
  return end > 0 && /^[A-Za-z0-9_.]+$/.test(name.slice(0, end)) ? end : -1
}
