import { createHmac, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import forge from 'node-forge'

const { asn1, pki } = forge
const { Class, Type } = asn1

export interface Pkcs12Request {
  readonly privateKey: KeyObject
  /** PEM. */
  readonly certificate: string
  /** PEM; also marked so that Java takes it as a trust anchor: one file is key store and trust store. */
  readonly authority: string
  readonly password: string
  /** The alias of the key entry. */
  readonly name: string
}

/**
 * A PKCS#12 file that Java 17's keytool, OpenSSL 3 and Node read: the key under PBES2 (AES-256, PBKDF2 with SHA-256), a MAC with SHA-256.
 * node-forge's own maker knows only RSA keys and a SHA-1 MAC, so the file is put together here, of its parts.
 */
export function makePkcs12(request: Pkcs12Request): Uint8Array {
  const leaf = new X509Certificate(request.certificate)
  const id = attribute(pki.oids.localKeyId!, octets(Buffer.from(leaf.fingerprint.replaceAll(':', ''), 'hex')))
  const keyBag = bag(pki.oids.pkcs8ShroudedKeyBag!, shroud(request), [friendlyName(request.name), id])
  const leafBag = certificateBag(leaf, [friendlyName(request.name), id])
  const authorityBag = certificateBag(new X509Certificate(request.authority), [
    friendlyName('tresor-ca'),
    attribute(javaTrustedUsage, oid(anyExtendedUsage)),
  ])
  const safe = der(sequence([data(der(sequence([leafBag, authorityBag]))), data(der(sequence([keyBag])))]))
  return der(sequence([integer(3), data(safe), mac(safe, request.password)]))
}

/** `oracle.pkcs12` TrustedKeyUsage: keytool lists a certificate with it as trustedCertEntry. */
const javaTrustedUsage = '2.16.840.1.113894.746875.1.1'
const anyExtendedUsage = '2.5.29.37.0'
const macIterations = 10_000
const keyIterations = 10_000

function shroud(request: Pkcs12Request): forge.asn1.Asn1 {
  const plain = asn1.fromDer(request.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('binary'))
  return pki.encryptPrivateKeyInfo(plain, request.password, {
    algorithm: 'aes256',
    prfAlgorithm: 'sha256',
    saltSize: 16,
    count: keyIterations,
  })
}

/** RFC 7292 §4: MacData over the authenticated safe; key derivation as in its appendix B with ID 3. */
function mac(safe: Uint8Array, password: string): forge.asn1.Asn1 {
  const salt = randomBytes(16)
  // The type declarations leave out the last argument, which node-forge documents.
  const derive = forge.pkcs12.generateKey as unknown as (
    password: string,
    salt: forge.util.ByteStringBuffer,
    id: number,
    iterations: number,
    length: number,
    digest: forge.md.MessageDigest,
  ) => forge.util.ByteStringBuffer
  const key = derive(password, forge.util.createBuffer(salt.toString('binary')), 3, macIterations, 32, forge.md.sha256.create())
  const value = createHmac('sha256', Buffer.from(key.getBytes(), 'binary')).update(safe).digest()
  return sequence([
    sequence([sequence([oid(pki.oids.sha256!), asn1.create(Class.UNIVERSAL, Type.NULL, false, '')]), octets(value)]),
    octets(salt),
    integer(macIterations),
  ])
}

function certificateBag(certificate: X509Certificate, attributes: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  const value = sequence([oid(pki.oids.x509Certificate!), tagged(octets(certificate.raw))])
  return bag(pki.oids.certBag!, value, attributes)
}

function bag(type: string, value: forge.asn1.Asn1, attributes: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return sequence([oid(type), tagged(value), asn1.create(Class.UNIVERSAL, Type.SET, true, attributes)])
}

function attribute(type: string, value: forge.asn1.Asn1): forge.asn1.Asn1 {
  return sequence([oid(type), asn1.create(Class.UNIVERSAL, Type.SET, true, [value])])
}

function friendlyName(name: string): forge.asn1.Asn1 {
  return attribute(pki.oids.friendlyName!, asn1.create(Class.UNIVERSAL, Type.BMPSTRING, false, name))
}

/** ContentInfo of type data. */
function data(content: Uint8Array): forge.asn1.Asn1 {
  return sequence([oid(pki.oids.data!), tagged(octets(content))])
}

function sequence(items: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items)
}

function tagged(value: forge.asn1.Asn1): forge.asn1.Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [value])
}

function octets(bytes: Uint8Array): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, Buffer.from(bytes).toString('binary'))
}

function oid(value: string): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(value).getBytes())
}

function integer(value: number): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.INTEGER, false, asn1.integerToDer(value).getBytes())
}

function der(value: forge.asn1.Asn1): Uint8Array {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary')
}
