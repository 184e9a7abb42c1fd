import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { type JsonName, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { AttributeSet, certificateAttributes } from '../../src/objects/index.ts'

const issuer: JsonName = [{ C: ['DE'] }, { O: ['Example, Inc.'] }, { CN: ['Root'] }]
const subject: JsonName = [{ C: ['DE'] }, { O: ['Example, Inc.'] }, { OU: ['One'] }, { OU: ['Two'] }, { CN: ['server.example'] }]

async function certificate(): Promise<Uint8Array> {
  const keys = (await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const made = await X509CertificateGenerator.create(
    {
      serialNumber: '00c0ffee',
      issuer,
      subject,
      notBefore: new Date('2026-01-01'),
      notAfter: new Date('2036-01-01'),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'server.example' },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    },
    webcrypto as never,
  )
  return new Uint8Array(made.rawData)
}

test('everything that a server reads off a certificate', async (t) => {
  const der = await certificate()
  const attributes = new AttributeSet(certificateAttributes(der))
  t.is(attributes.get('CertificateType'), 'X_509')
  t.is(attributes.get('CertificateLength'), der.length)
  t.deepEqual(attributes.get('CertificateIdentifier'), { issuer: 'CN=Root,O=Example\\, Inc.,C=DE', serialNumber: 'C0FFEE' })
  t.deepEqual(attributes.get('CertificateIssuer'), { distinguishedName: 'CN=Root,O=Example\\, Inc.,C=DE', alternativeNames: [] })
  t.deepEqual(attributes.get('CertificateSubject'), {
    distinguishedName: 'CN=server.example,OU=Two,OU=One,O=Example\\, Inc.,C=DE',
    alternativeNames: ['server.example'],
  })
  t.is(attributes.get('CertificateSubjectCN'), 'server.example')
  t.is(attributes.get('CertificateIssuerO'), 'Example, Inc.')
  t.deepEqual(
    attributes.all('CertificateSubjectOU').map(({ value }) => value),
    ['One', 'Two'],
  )
  t.is(attributes.get('CryptographicAlgorithm'), 'ECDSA')
  t.is(attributes.get('CryptographicLength'), 256)
  t.is(attributes.get('DigitalSignatureAlgorithm'), 'ECDSAWithSHA256')
  const identifier = attributes.get('X_509CertificateIdentifier')
  t.is(Buffer.from(identifier?.serialNumber ?? []).toString('hex'), '020400c0ffee', 'the whole INTEGER in DER')
  t.deepEqual(attributes.get('X_509CertificateIssuer')?.distinguishedName, identifier?.issuerDistinguishedName)
  t.is(attributes.get('X_509CertificateSubject')?.alternativeNames.length, 2)
})

test('what is no certificate is refused', (t) => {
  for (const bytes of [new Uint8Array(0), new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x00]), new Uint8Array(64).fill(0x30)])
    t.is(t.throws(() => certificateAttributes(bytes), { instanceOf: KmipError }).reason, 'InvalidField')
})
