import { webcrypto } from 'node:crypto'
import { x509 } from '../../certs/x509.ts'

/** A PKCS#10 request (PEM) with a new P-256 key, which nobody keeps. */
export async function certificateRequest(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=ignored', keys, signingAlgorithm: algorithm })
  return request.toString('pem')
}
