import { type KeyObject, verify } from 'node:crypto'
import { serialText } from './certificate.ts'
import { type Der, inside, oidOf, readDer, tags, timeOf } from './der.ts'

/** A revocation list, read but not believed until `signedBy` says whose it is. */
export interface Crl {
  /** The issuer's name, DER in hexadecimal. */
  readonly issuer: string
  /** Milliseconds. */
  readonly thisUpdate: number
  /** When its issuer promised the next one, in milliseconds; undefined when it promised nothing. */
  readonly nextUpdate: number | undefined
  /** Hexadecimal, lower case, no leading zeros. */
  readonly revoked: ReadonlySet<string>
  signedBy(key: KeyObject): boolean
}

/** Reads a CRL, PEM or DER. @throws Error saying what Tresor cannot use. */
export function readCrl(content: Uint8Array): Crl {
  const [body, algorithm, signature] = inside(readDer(derOf(content)))
  if (body?.tag !== tags.sequence || algorithm === undefined || signature?.tag !== tags.bitString)
    throw new Error('it is not a certificate revocation list')
  const parts = [...inside(body)]
  if (parts[0]?.tag === tags.integer) parts.shift()
  const [, issuer, thisUpdate] = parts
  if (issuer === undefined || thisUpdate === undefined) throw new Error('it is cut short')
  const rest = parts.slice(3)
  const next = rest[0] !== undefined && isTime(rest[0]) ? timeOf(rest.shift()!) : undefined
  const entries = rest[0]?.tag === tags.sequence ? inside(rest.shift()!) : []
  refuseCritical(rest[0])
  const digest = digestOf(oidOf(inside(algorithm)[0]))
  return {
    issuer: Buffer.from(issuer.whole).toString('hex'),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: next,
    revoked: new Set(entries.map((entry) => serialText(inside(entry)[0]!))),
    signedBy(key) {
      try {
        return verify(digest, body.whole, key, signature.value.subarray(1))
      } catch {
        return false // another kind of key
      }
    },
  }
}

const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
}

function digestOf(algorithm: string): string | null {
  const digest = digests[algorithm]
  if (digest === undefined)
    throw new Error(`its signature algorithm ${algorithm} is not one of RSA PKCS#1, ECDSA (SHA-256, 384, 512) and Ed25519`)
  return digest
}

/** A list that is partial (delta, or of one distribution point) must not pass for a whole one; RFC 5280 §5.2 marks those critical. */
function refuseCritical(wrapper: Der | undefined): void {
  for (const extension of wrapper === undefined ? [] : inside(readDer(wrapper.value))) {
    const parts = inside(extension)
    if (parts[1]?.tag === 1 && parts[1].value[0] !== 0)
      throw new Error(`its critical extension ${oidOf(parts[0])} is not understood (a delta or partial list?); give the whole list`)
  }
}

function isTime(der: Der): boolean {
  return der.tag === tags.utcTime || der.tag === tags.generalizedTime
}

function derOf(content: Uint8Array): Uint8Array {
  const text = Buffer.from(content).toString('latin1')
  const [, base64] = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(text) ?? []
  return base64 === undefined ? content : Buffer.from(base64, 'base64')
}
