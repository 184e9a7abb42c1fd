import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Log } from './log.ts'
import type { PartitionProblems } from './process-messages.ts'

/** What the operator's port shows. */
export interface OperatorView {
  /** Undefined while the process lives; else what is wrong with it. */
  health(): string | undefined
  readiness(): Promise<Readiness>
  /** Prometheus' text form. */
  metrics(): Promise<string>
}

/** Whether a node serves. */
export interface Readiness {
  /** Sentences about what keeps it from serving; none when it does. */
  readonly blocking: readonly string[]
  /** Sentences about what is wrong although it serves. */
  readonly notices: readonly string[]
  /** The partitions whose tenants it cannot serve. */
  readonly partitions: PartitionProblems
}

export interface OperatorPort {
  readonly port: number
  close(): Promise<void>
}

/**
 * The port for the operator's tools: `/healthz`, `/readyz`, `/metrics`. It asks for no credentials, and so belongs on a loopback address.
 * @throws when the address cannot be had.
 */
export async function listenOperator(host: string, port: number, view: OperatorView, log: Log): Promise<OperatorPort> {
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192, keepAliveTimeout: 1000 },
    (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'only GET\n')
      answer(request, view, response).catch((error: unknown) => {
        log.error('the operator port failed', { error })
        if (!response.headersSent) send(response, 500, 'failed; the log says why\n')
        else response.destroy()
      })
    },
  )
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, view: OperatorView, response: ServerResponse): Promise<void> {
  switch ((request.url ?? '/').split('?')[0]) {
    case '/healthz': {
      const problem = view.health()
      return send(response, problem === undefined ? 200 : 503, `${problem ?? 'ok'}\n`)
    }
    case '/readyz': {
      const readiness = await view.readiness()
      const status = readiness.blocking.length === 0 ? 200 : 503
      if (/\bapplication\/json\b/.test(request.headers.accept ?? ''))
        return send(response, status, `${JSON.stringify({ ready: status === 200, ...readiness })}\n`, 'application/json')
      return send(response, status, textOf(readiness))
    }
    case '/metrics':
      return send(response, 200, await view.metrics(), 'text/plain; version=0.0.4; charset=utf-8')
    default:
      return send(response, 404, '/healthz, /readyz or /metrics\n')
  }
}

function textOf({ blocking, notices, partitions }: Readiness): string {
  const lines = [
    ...(blocking.length === 0 ? ['ready'] : blocking),
    ...notices,
    // One tenant's device is no reason to send the others' clients away.
    ...Object.entries(partitions).map(([name, why]) => `partition ${name}: ${why}`),
  ]
  return `${lines.join('\n')}\n`
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(body)
}
