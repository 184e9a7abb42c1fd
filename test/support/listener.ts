import { randomBytes, X509Certificate } from 'node:crypto'
import { type Authority, createAuthority, createCrl, type Issued, issueClient, issueServer } from '../../certs/index.ts'
import { defaultServerLimits, type ServerLimits } from '../../src/server/limits.ts'
import { type Listener, listen, type Service } from '../../src/server/listener.ts'
import { silentLog } from '../../src/server/log.ts'
import type { TlsSettings } from '../../src/server/tls-settings.ts'
import type { ClientBundle } from './tls-client.ts'

/** A certification authority with a server's certificate, as the tests of a port need it. */
export interface TestPki {
  readonly authority: Authority
  readonly tls: TlsSettings
  client(tenant: string, user: string): Promise<ClientBundle>
}

export async function makePki(): Promise<TestPki> {
  const authority = await createAuthority({ name: 'Test CA', development: true })
  const server = await issueServer(authority)
  return {
    authority,
    tls: { ...pem(server), authorities: [authority.certificate], ciphers: 'modern', minimumVersion: 'TLSv1.2' },
    client: async (tenant, user) => ({ ...pem(await issueClient(authority, { tenant, user })), authority: authority.certificate }),
  }
}

export function serialOf(bundle: ClientBundle): string {
  return new X509Certificate(bundle.certificate).serialNumber
}

export { createCrl }

/** A listener whose service answers each frame by `answer`, for identities of the test's choosing: no KMIP takes part. */
export async function echoListener(
  pki: TestPki,
  change: Partial<Service<string>> = {},
  limits: Partial<ServerLimits> = {},
): Promise<Listener> {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls: pki.tls,
    limits: { ...defaultServerLimits, ...limits },
    log: silentLog(),
    service: {
      identify: (socket) => {
        const certificate = socket.getPeerX509Certificate()
        return certificate === undefined ? { refused: 'no certificate' } : { peer: certificate.serialNumber, tenant: certificate.subject }
      },
      same: (before, after) => before === after,
      respond: async (frame) => frame,
      refuse: () => frameOf(Buffer.from('refused!')),
      ...change,
    },
  })
  listener.setTicketKeys(randomBytes(48))
  return listener
}

/** A Request Message around any content (a multiple of 8 bytes). */
export function frameOf(content: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(0x42007801, 0)
  header.writeUInt32BE(content.length, 4)
  return Buffer.concat([header, content])
}

function pem(issued: Issued): { readonly certificate: string; readonly privateKey: string } {
  if (issued.privateKey === undefined) throw new Error('the certificate was issued without a key')
  return { certificate: issued.certificate, privateKey: issued.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
