import { x509 } from './x509.ts'

const { KeyUsageFlags, ExtendedKeyUsage } = x509

/** What a kind of certificate may do and how long it lives. */
export interface Profile {
  readonly authority: boolean
  readonly days: number
  readonly keyUsages: number
  /** Added when the key is RSA: key transport of old TLS 1.2 cipher suites. */
  readonly rsaKeyUsages: number
  readonly extendedKeyUsages: readonly string[]
}

export const profiles = {
  ca: { authority: true, days: 3650, keyUsages: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, rsaKeyUsages: 0, extendedKeyUsages: [] },
  server: {
    authority: false,
    days: 365,
    keyUsages: KeyUsageFlags.digitalSignature,
    rsaKeyUsages: KeyUsageFlags.keyEncipherment,
    extendedKeyUsages: [ExtendedKeyUsage.serverAuth],
  },
  client: {
    authority: false,
    days: 365,
    keyUsages: KeyUsageFlags.digitalSignature,
    rsaKeyUsages: KeyUsageFlags.keyEncipherment,
    extendedKeyUsages: [ExtendedKeyUsage.clientAuth],
  },
  /** A node of a cluster: it serves and calls the others with the same certificate. */
  peer: {
    authority: false,
    days: 365,
    keyUsages: KeyUsageFlags.digitalSignature,
    rsaKeyUsages: KeyUsageFlags.keyEncipherment,
    extendedKeyUsages: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth],
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles

/** Names in a server's certificate when none are asked for. */
export const loopbackHosts = ['localhost', '127.0.0.1', '::1'] as const

/** A certificate with fewer days left is renewed at the next start. */
export const renewalDays = 30

/** A new CRL is expected after so many days. */
export const crlDays = 30

/** Marks every certificate of a development PKI: an OID under 2.25 (a number small enough for every ASN.1 library), non-critical, with a sentence for people as its value. */
export const developmentMark = '2.25.1953654127'
