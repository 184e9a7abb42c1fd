import { type KeyObject, randomBytes } from 'node:crypto'
import type { Signer } from './keys.ts'
import { developmentMark, type Profile } from './profiles.ts'
import { x509 } from './x509.ts'

/** What a certificate shall say. */
export interface ToBeSigned {
  readonly profile: Profile
  readonly subject: string
  readonly issuer: string | x509.Name
  readonly issuerKey: KeyObject
  readonly publicKey: KeyObject
  readonly names: x509.JsonGeneralNames
  readonly days: number
  readonly now: Date
  readonly development: boolean
  /** A certificate does not outlive its issuer. */
  readonly latest?: Date
}

/** Makes and signs one certificate; PEM. Also the authority's own, which is its own issuer. */
export async function sign(signer: Signer, wanted: ToBeSigned): Promise<string> {
  const { profile, now } = wanted
  const publicKey = spki(wanted.publicKey)
  const usages = profile.keyUsages | (wanted.publicKey.asymmetricKeyType === 'rsa' ? profile.rsaKeyUsages : 0)
  const end = new Date(now.getTime() + wanted.days * dayMilliseconds)
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(profile.authority, profile.authority ? 0 : undefined, true),
    new x509.KeyUsagesExtension(usages, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(spki(wanted.issuerKey)),
    new x509.SubjectAlternativeNameExtension(wanted.names),
  ]
  if (profile.extendedKeyUsages.length > 0) extensions.push(new x509.ExtendedKeyUsageExtension([...profile.extendedKeyUsages]))
  if (wanted.development) extensions.push(new x509.Extension(developmentMark, false, developmentSentence))
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: wanted.subject,
    issuer: wanted.issuer,
    // Clocks differ: a certificate used at once must not be refused as not yet valid by a client that is some minutes behind.
    notBefore: new Date(now.getTime() - clockSkewMilliseconds),
    notAfter: wanted.latest !== undefined && wanted.latest < end ? wanted.latest : end,
    signingAlgorithm: signer.algorithm,
    publicKey,
    signingKey: signer.key,
    extensions,
  })
  return `${certificate.toString('pem')}\n`
}

/** 128 random bits; the top bits are set so that the number is positive and never shorter. */
function randomSerial(): string {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial.toString('hex')
}

function spki(key: KeyObject): x509.PublicKey {
  return new x509.PublicKey(key.export({ type: 'spki', format: 'der' }))
}

const dayMilliseconds = 24 * 3600 * 1000
const clockSkewMilliseconds = 5 * 60 * 1000
const sentence = 'Development only'
/** UTF8String (tag 12). */
const developmentSentence = Buffer.from([12, sentence.length, ...Buffer.from(sentence)])
