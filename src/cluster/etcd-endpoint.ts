import { type ClientHttp2Session, connect } from 'node:http2'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'

/** What a connection to a member shows and trusts, PEM. */
export type PeerFiles = readonly [ca: Buffer, privateKey: Buffer, certificate: Buffer]

/** The host in `https://HOST:PORT`; of an IPv6 address without its brackets. */
export function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname.replace(/^\[|\]$/g, '')
}

/** Begins an HTTP/2 connection to a member. */
export function openHttp2(endpoint: string, [ca, key, cert]: PeerFiles): ClientHttp2Session {
  const host = hostOf(endpoint)
  return connect(endpoint, {
    ca,
    key,
    cert,
    // Server Name Indication takes no addresses (RFC 6066 §3); the certificate is checked against the address all the same.
    ...(isIP(host) === 0 ? {} : { servername: 'etcd' }),
    checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer),
  })
}
