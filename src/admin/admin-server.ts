import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { BadCall } from './parameters.ts'
import { longestSocketPath, maximumCall } from './protocol.ts'

/** One call of the admin API. It checks its own parameters and throws with a sentence for people. */
export type AdminMethod = (parameters: unknown) => Promise<unknown>

export interface AdminServerOptions {
  readonly socketPath: string
  readonly methods: Readonly<Record<string, AdminMethod>>
  /** Told of calls that failed, for the log. */
  readonly onError: (method: string, error: Error) => void
}

export interface AdminServer {
  close(): Promise<void>
}

/** Listens on the socket, mode 0600. A socket file that a killed process left is replaced: the data folder's lock keeps two nodes apart. */
export async function serveAdmin({ socketPath, methods, onError }: AdminServerOptions): Promise<AdminServer> {
  if (Buffer.byteLength(socketPath) > longestSocketPath)
    throw new Error(`${socketPath} is too long for a Unix socket (${longestSocketPath} bytes); use a data folder with a shorter path`)
  rmSync(socketPath, { force: true })
  const server = createServer({ headersTimeout: callTimeout, requestTimeout: callTimeout }, (request, response) => {
    answer(request, methods, onError).then(
      ({ status, body }) => send(response, status, body),
      (error: Error) => send(response, 400, { error: error.message }),
    )
  })
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath, resolve)
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(socketPath, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, methods: AdminServerOptions['methods'], onError: AdminServerOptions['onError']) {
  const name = (request.url ?? '').slice(1)
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (request.method !== 'POST' || method === undefined) return { status: 404, body: { error: `there is no call POST /${name}` } }
  const read = await readCall(request)
  if (read.tooLarge) return { status: 413, body: { error: `the call is larger than ${maximumCall} bytes` } }
  try {
    return { status: 200, body: { result: (await method(parse(read.text))) ?? null } }
  } catch (error) {
    onError(name, error as Error)
    return { status: error instanceof BadCall ? 400 : 409, body: { error: (error as Error).message } }
  }
}

/** What is too large is read to its end and dropped, so that the caller hears why. */
async function readCall(request: IncomingMessage): Promise<{ readonly tooLarge: boolean; readonly text: string }> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length <= maximumCall) chunks.push(chunk)
    else chunks.length = 0
  }
  return { tooLarge: length > maximumCall, text: Buffer.concat(chunks).toString('utf8') }
}

function parse(text: string): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw new BadCall('the call is no JSON object')
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify(body))
}

/** Milliseconds that a caller has to send its call. */
const callTimeout = 30_000
