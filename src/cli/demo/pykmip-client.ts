import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type DemoClient, Refused } from './demo-client.ts'

/** The package's folder; compiled, this file lies four folders below it. */
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const script = join(root, 'bin', 'pykmip-demo.py')

/** The Python that has PyKMIP: the one that TRESOR_PYTHON names, the one of npm test, or the system's. */
export function findPyKmip(): string | undefined {
  const made = join(root, 'build', '.python', 'bin', 'python')
  const candidates = [process.env.TRESOR_PYTHON, existsSync(made) ? made : undefined, 'python3']
  return candidates.find(
    (python) => python !== undefined && spawnSync(python, ['-c', 'import kmip.pie.client'], { stdio: 'ignore' }).status === 0,
  )
}

interface Answer {
  readonly result?: unknown
  readonly refused?: string
  readonly error?: string
}

/** PyKMIP in a process of its own. `bundle`: the folder of the client's certificate. */
export async function pykmipClient(python: string, bundle: string): Promise<DemoClient> {
  const child = spawn(python, [script, bundle], { stdio: ['pipe', 'pipe', 'pipe'] })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2000)
  })
  // A process that ended says so by the end of its answers.
  child.stdin.on('error', () => undefined)
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async <T>(): Promise<T> => {
    const { done, value } = await answers.next()
    if (done === true) throw new Error(`PyKMIP ended: ${words.trim()}`)
    const { result, refused, error } = JSON.parse(value) as Answer
    if (refused !== undefined) throw new Refused(refused)
    if (error !== undefined) throw new Error(`PyKMIP: ${error}`)
    return result as T
  }
  const ask = async <T>(port: number, what: string, more: object = {}): Promise<T> => {
    child.stdin.write(`${JSON.stringify({ port, do: what, ...more })}\n`)
    return await answer<T>()
  }
  const version = await answer<string>()
  return {
    name: `PyKMIP ${version}, KMIP 1.4`,
    create: (port) => ask(port, 'create'),
    activate: (port, id) => ask(port, 'activate', { id }),
    get: async (port, id) => Buffer.from(await ask<string>(port, 'get', { id }), 'hex'),
    encrypt: async (port, id, data, iv) => Buffer.from(await ask<string>(port, 'encrypt', { id, data: hex(data), iv: hex(iv) }), 'hex'),
    revoke: (port, id) => ask(port, 'revoke', { id }),
    destroy: (port, id) => ask(port, 'destroy', { id }),
    leave: (port) => ask(port, 'leave'),
    close: () => child.stdin.end(),
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
