import { readPeerFiles, type TlsFiles } from './etcd-client.ts'
import { openHttp2 } from './etcd-endpoint.ts'
import { sleep } from './timing.ts'

/**
 * Whether the members that answer refuse this node's certificate, time and again: they end the connection right after its handshake. So an
 * evicted node, which nobody talks to any more, learns why.
 * @param endpoints `https://HOST:PORT` of the other members
 */
export async function isCertificateRefused(endpoints: readonly string[], tls: TlsFiles): Promise<boolean> {
  for (let round = 1; ; round++) {
    const answers = await Promise.all(endpoints.map((endpoint) => lookAt(endpoint, tls)))
    if (answers.includes('takes it') || !answers.includes('refuses it')) return false
    // One that is being stopped may do so once.
    if (round === rounds) return true
    await sleep(pauseMilliseconds)
  }
}

function lookAt(endpoint: string, tls: TlsFiles): Promise<'takes it' | 'refuses it' | 'is silent'> {
  return new Promise((resolve) => {
    let isConnected = false
    const session = openHttp2(endpoint, readPeerFiles(tls))
    const timer = setTimeout(() => end('is silent'), lookMilliseconds)
    const end = (what: 'takes it' | 'refuses it' | 'is silent') => {
      clearTimeout(timer)
      session.destroy()
      resolve(what)
    }
    session.once('connect', () => {
      isConnected = true
    })
    session.once('remoteSettings', () => end('takes it'))
    // etcd ends the connection of a revoked certificate without an alert; an alert is about something else. Any other error is followed by a close.
    session.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code?.startsWith('ERR_SSL') === true) end('is silent')
    })
    session.once('close', () => end(isConnected ? 'refuses it' : 'is silent'))
  })
}

const rounds = 3
const pauseMilliseconds = 300
const lookMilliseconds = 1000
