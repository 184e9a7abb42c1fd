import type { SecureVersion, TlsOptions } from 'node:tls'

/** What a TLS port shows and demands. */
export interface TlsSettings {
  /** The server's certificate with its intermediates, PEM. */
  readonly certificate: string
  /** PEM. */
  readonly privateKey: string
  /** The authorities whose clients may come, PEM, one after the other. */
  readonly authorities: readonly string[]
  /** `modern`, `strict` (the suites that KMIP 2.1's Basic Authentication Suite names, and no others), or an OpenSSL list for old appliances. */
  readonly ciphers: string
  readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** Cipher suites by name of the choice, in OpenSSL's words (KMIP Profiles 2.1 §3.1). */
export const cipherChoices: Readonly<Record<string, string>> = {
  modern: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
  strict: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-SHA256',
    'AES256-SHA256',
    'AES128-SHA256',
  ].join(':'),
}

/** The options that `tls.createServer` and `setSecureContext` take. */
export function contextOf(settings: TlsSettings): TlsOptions {
  return {
    cert: settings.certificate,
    key: settings.privateKey,
    ca: [...settings.authorities],
    ciphers: cipherChoices[settings.ciphers] ?? withTls13(settings.ciphers),
    honorCipherOrder: true,
    minVersion: settings.minimumVersion satisfies SecureVersion,
    maxVersion: 'TLSv1.3',
    // One for all processes of a node: a session made at one of them is resumed at any other.
    sessionIdContext: 'tresor',
    sessionTimeout: sessionSeconds,
  }
}

/** How long a session may be resumed. The identity is evaluated anew each time. */
const sessionSeconds = 3600

/** A list of old suites alone would, in Node.js, switch TLS 1.3 off for every client. */
function withTls13(list: string): string {
  return list.includes('TLS_') ? list : `TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:${list}`
}
