import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { KmipError } from '../../spec/kmip-error.ts'
import { maximumCall } from './protocol.ts'

/** One call of the admin API. It checks its own parameters and throws with a sentence for people. */
export type AdminMethod = (parameters: unknown) => Promise<unknown>

export interface AdminServerOptions {
  readonly socketPath: string
  readonly methods: Readonly<Record<string, AdminMethod>>
  /** Told of errors that are not meant for people. */
  readonly onError: (method: string, error: Error) => void
}

/** Listens on the socket, mode 0600. A socket file that a killed process left is replaced: the data folder's lock keeps two nodes apart. */
export async function serveAdmin({ socketPath, methods, onError }: AdminServerOptions): Promise<Server> {
  rmSync(socketPath, { force: true })
  const server = createServer((request, response) => {
    answer(request, methods, onError).then(
      ({ status, body }) => send(response, status, body),
      (error: Error) => send(response, 400, { error: error.message }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  chmodSync(socketPath, 0o600)
  return server
}

async function answer(request: IncomingMessage, methods: AdminServerOptions['methods'], onError: AdminServerOptions['onError']) {
  const name = (request.url ?? '').slice(1)
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (request.method !== 'POST' || method === undefined) return { status: 404, body: { error: `there is no call POST /${name}` } }
  const parameters = await readCall(request)
  try {
    return { status: 200, body: { result: (await method(parameters)) ?? null } }
  } catch (error) {
    // A sentence for people is an Error of ours; a stack of the runtime's is logged and not shown.
    if (!(error instanceof KmipError) && (error as NodeJS.ErrnoException).code !== undefined) onError(name, error as Error)
    return { status: 409, body: { error: (error as Error).message } }
  }
}

async function readCall(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maximumCall) throw new Error(`the call is larger than ${maximumCall} bytes`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : JSON.parse(text)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
