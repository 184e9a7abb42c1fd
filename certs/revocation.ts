import type { Authority } from './authority.ts'
import { signerOf } from './keys.ts'
import { crlDays } from './profiles.ts'
import { x509 } from './x509.ts'

export interface CrlOptions {
  /** Days until Next Update. */
  readonly days?: number
  readonly now?: Date
  /** Grows with each list of an authority; from the clock when left out. */
  readonly number?: number
}

/** A certificate revocation list (PEM) of one authority. Serial numbers are hexadecimal. */
export async function createCrl(authority: Authority, revokedSerials: readonly string[], options: CrlOptions = {}): Promise<string> {
  return `${x509.PemConverter.encode(Buffer.from(await createDerCrl(authority, revokedSerials, options)), 'X509 CRL')}\n`
}

/** The same in DER. */
export async function createDerCrl(authority: Authority, revokedSerials: readonly string[], options: CrlOptions = {}): Promise<Uint8Array> {
  const now = options.now ?? new Date()
  const signer = await signerOf(authority.privateKey)
  const issuer = new x509.X509Certificate(authority.certificate)
  const crl = await x509.X509CrlGenerator.create({
    issuer: issuer.subjectName,
    thisUpdate: now,
    nextUpdate: new Date(now.getTime() + (options.days ?? crlDays) * 24 * 3600 * 1000),
    // An entry without a reason would get an empty extension list, which strict readers refuse.
    entries: revokedSerials.map((serial) => ({
      serialNumber: serial.toLowerCase(),
      revocationDate: now,
      reason: x509.X509CrlReason.privilegeWithdrawn,
    })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      new x509.Extension(crlNumberOid, false, derInteger(options.number ?? now.getTime())),
    ],
    signingAlgorithm: signer.algorithm,
    signingKey: signer.key,
  })
  return new Uint8Array(crl.rawData)
}

/** CRL Number, RFC 5280 §5.2.3. */
const crlNumberOid = '2.5.29.20'

function derInteger(value: number): Uint8Array {
  let hex = value.toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`
  return Buffer.from(`02${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`, 'hex')
}
