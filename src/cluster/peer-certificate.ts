import { createPublicKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { clusterPaths, writeFileWhole } from './cluster-folder.ts'
import type { CertifyPeer } from './join-listener.ts'

/**
 * Certifies a node's key anew when less than a third of its certificate's time is left. The key stays, so that whoever reads the two files in
 * between reads a pair. etcd reads them for each connection that it opens or takes.
 * @returns whether there is a new certificate
 */
export async function renewPeerCertificate(folder: string, name: string, certify: CertifyPeer, now: Date): Promise<boolean> {
  const { tls } = clusterPaths(folder)
  const current = new X509Certificate(await readFile(tls.certificate))
  const [from, to] = [current.validFrom, current.validTo].map((time) => new Date(time).getTime()) as [number, number]
  if (to - now.getTime() > (to - from) / 3) return false
  const publicKey = createPublicKey(await readFile(tls.privateKey)).export({ type: 'spki', format: 'pem' }) as string
  const { certificate } = await certify({ name, hosts: hostsOf(current), publicKey })
  await writeFileWhole(tls.certificate, certificate, 0o644)
  return true
}

function hostsOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? [])
}
