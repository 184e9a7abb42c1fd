import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { TlsFiles } from './etcd-client.ts'
import { hostOf } from './etcd-endpoint.ts'

/**
 * Looks whether another cluster of Tresor's answers where this node knew a member of its own: the majority was given up there, and a new
 * cluster begun (`tresor cluster restore`). Members of the old one that came together again would be a second truth beside it.
 * @param endpoints `https://HOST:PORT` of the other members
 * @returns what is wrong, with the cure; undefined when none of them answers so
 */
export async function foreignCluster(endpoints: readonly string[], tls: TlsFiles): Promise<string | undefined> {
  const foreign = await Promise.all(endpoints.map((endpoint) => answersAsAnother(endpoint, tls)))
  const endpoint = endpoints.find((_, index) => foreign[index])
  if (endpoint === undefined) return undefined
  return (
    `${endpoint} is of another cluster now, which trusts another authority: it was begun anew (tresor cluster restore), and this node is none of its members. ` +
    'What this node holds counts no more; move its data folder away, and join with an empty one: tresor cluster invite there, tresor cluster join TOKEN here'
  )
}

/** By a certificate of an authority that has the name of this cluster's, and is not it. Who does not answer, or as something else, says nothing. */
function answersAsAnother(endpoint: string, tls: TlsFiles): Promise<boolean> {
  const { port } = new URL(endpoint)
  const host = hostOf(endpoint)
  const ca = readFileSync(tls.ca)
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port),
      ca,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Nothing is sent: the certificate is looked at, and the connection closed.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      timeout: lookMilliseconds,
    })
    const end = (isAnother: boolean) => {
      socket.destroy()
      resolve(isAnother)
    }
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate()
      const own = new X509Certificate(ca)
      end(!socket.authorized && shown !== undefined && shown.issuer === own.subject && !shown.verify(own.publicKey))
    })
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

const lookMilliseconds = 1000
