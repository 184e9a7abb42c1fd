import { request } from 'node:https'
import { connect } from 'node:tls'
import test from 'ava'
import { HttpProtocol } from '../../src/server/http-connection.ts'
import { defaultServerLimits } from '../../src/server/limits.ts'
import { listen } from '../../src/server/listener.ts'
import { silentLog } from '../../src/server/log.ts'
import { encode, integer, structure, toJson, toXml } from '../../src/ttlv/index.ts'
import { makePki, type TestPki } from '../support/listener.ts'
import { type ClientBundle, tlsOptions } from '../support/tls-client.ts'

let pki: TestPki
let client: ClientBundle
let port: number
let stop: () => Promise<void>
/** The service answers when this resolves. */
let held: Promise<void> = Promise.resolve()

const question = structure('RequestMessage', [integer('BatchCount', 1)])
const answer = structure('ResponseMessage', [integer('BatchCount', 2)])
const refusal = structure('ResponseMessage', [integer('BatchCount', 0)])

test.before(async () => {
  pki = await makePki()
  client = await pki.client('demo', 'app')
  const respondTree = async () => {
    await held
    return answer
  }
  const service = { respondTree, refuseTree: () => refusal }
  const listener = await listen<string>({
    host: '127.0.0.1',
    port: 0,
    tls: pki.tls,
    limits: { ...defaultServerLimits, frameBytes: 1000 },
    log: silentLog(),
    service: {
      identify: () => ({ peer: 'app', tenant: 'demo' }),
      same: () => true,
      respond: async () => encode(answer),
      refuse: () => encode(refusal),
    },
    converse: new HttpProtocol<string>(service).converse,
  })
  port = listener.port
  stop = () => listener.drain(500)
})

test.after.always(() => stop())

async function post(body: Uint8Array | string, type: string, path = '/kmip', method = 'POST') {
  return new Promise<{ readonly status: number | undefined; readonly type: string | undefined; readonly body: Buffer }>(
    (resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', servername: 'localhost', port, path, method, ...tlsOptions(client), headers: { 'content-type': type } },
        (response) => {
          const pieces: Buffer[] = []
          response.on('data', (piece: Buffer) => pieces.push(piece))
          response.on('end', () =>
            resolve({ status: response.statusCode, type: response.headers['content-type'], body: Buffer.concat(pieces) }),
          )
        },
      )
      sent.on('error', reject)
      sent.end(body)
    },
  )
}

for (const [type, body, expected] of [
  ['application/octet-stream', encode(question), encode(answer)],
  ['text/xml', toXml(question), toXml(answer)],
  ['application/json', toJson(question), toJson(answer)],
  ['text/xml; charset=utf-8', toXml(question), toXml(answer)],
] as const) {
  test(`answers in the encoding of the request: ${type}`, async (t) => {
    const response = await post(body, type)
    t.deepEqual([response.status, response.type], [200, type.split(';')[0]])
    t.deepEqual(response.body, Buffer.from(expected))
  })
}

for (const [name, body, type, path, method, status] of [
  ['another path', 'x', 'text/xml', '/', 'POST', 404],
  ['another method', '', 'text/xml', '/kmip', 'GET', 405],
  ['another type', 'x', 'text/html', '/kmip', 'POST', 415],
  ['a body beyond the limit', 'x'.repeat(1001), 'text/xml', '/kmip', 'POST', 413],
  ['a body that is no tree: a KMIP answer says so', 'x', 'text/xml', '/kmip', 'POST', 200],
] as const) {
  test(`refuses: ${name}`, async (t) => {
    const response = await post(body, type, path, method)
    t.is(response.status, status)
    if (status === 200) t.is(response.body.toString(), toXml(refusal))
  })
}

/** What comes back for so many requests that are sent at once, until the connection ends. */
async function pipelined(count: number): Promise<string> {
  const body = Buffer.from(toXml(question))
  const head = (last: boolean) =>
    `POST /kmip HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/xml\r\ncontent-length: ${body.length}\r\n${last ? 'connection: close\r\n' : ''}\r\n`
  const socket = connect({ host: '127.0.0.1', port, ...tlsOptions(client), servername: 'localhost' })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  socket.write(Array.from({ length: count }, (_, index) => head(index === count - 1) + body.toString()).join(''))
  let text = ''
  for await (const piece of socket) text += String(piece)
  return text
}

test.serial('requests that are sent ahead of their answers are answered in order, but not without end', async (t) => {
  t.is((await pipelined(16)).match(/HTTP\/1\.1 200/g)?.length, 16)
  let release = () => {}
  held = new Promise((resolve) => (release = resolve))
  t.teardown(release)
  t.is(await pipelined(17).catch((error: NodeJS.ErrnoException) => error.code), '')
})
