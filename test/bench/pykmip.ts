import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { OperationName } from '../../spec/operations.ts'
import { Client, type Credentials, type Endpoint } from '../../src/client/index.ts'
import type { RequestItem } from '../../src/messages/index.ts'
import { aesKey, type Cell, frameOf, success } from './cells.ts'
import { firstLine } from './processes.ts'

const python = resolve(process.env.TRESOR_PYTHON ?? join('build', '.python', 'bin', 'python'))

export interface Peer {
  readonly endpoint: Endpoint
  stop(): void
}

/** Why PyKMIP cannot be measured beside Tresor here; undefined when it can. */
export function pykmipProblem(): string | undefined {
  if (!existsSync(python)) return `no Python with PyKMIP at ${python}; npm test installs it`
  const { status } = spawnSync(python, ['-c', 'import kmip'], { stdio: 'ignore' })
  return status === 0 ? undefined : `PyKMIP is not installed for ${python}`
}

/** PyKMIP's server with its database in a folder of its own. `files`: certificate, key and authority, PEM files. */
export async function startPykmip(files: readonly [string, string, string]): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'tresor-pykmip-'))
  const port = await freePort()
  const script = resolve('test/bench/pykmip_server.py')
  const child = spawn(python, [script, folder, String(port), ...files], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  await firstLine(child)
  return {
    endpoint: { host: '127.0.0.1', port },
    stop: () => {
      // It has a process of its own beside: the whole group ends.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** What PyKMIP's server can be asked of the rows of this bench, in KMIP 1.2: its Encrypt knows CBC, not GCM. */
export async function pykmipCells(endpoint: Endpoint, credentials: Credentials, names: ReadonlySet<string>): Promise<Cell[]> {
  const version = '1.2'
  const client = new Client({ endpoints: [endpoint], ...credentials, version, messageExtensions: 'none' })
  try {
    const key = { ...aesKey(), attributes: aesKey().attributes.filter(({ name }) => name !== 'ActivationDate') }
    const { uniqueIdentifier } = await client.call('Create', key)
    await client.call('Activate', { uniqueIdentifier })
    const cells: Cell[] = []
    const add = (name: string, operation: OperationName, payload: object) => {
      if (!names.has(name)) return
      cells.push({ name, frames: [frameOf(version, { operation, payload } as unknown as RequestItem)], mark: success })
    }
    add('Create', 'Create', key)
    add('Get', 'Get', { uniqueIdentifier })
    const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5', cryptographicAlgorithm: 'AES' } as const
    const request = { uniqueIdentifier, cryptographicParameters, data: Buffer.alloc(64, 7), ivCounterNonce: Buffer.alloc(16, 1) }
    add('Encrypt 64 B', 'Encrypt', request)
    const { data } = await client.call('Encrypt', request)
    add('Decrypt 64 B', 'Decrypt', { ...request, data })
    return cells
  } finally {
    client.close()
  }
}
