import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { callAdmin, NodeNotRunning, serveAdmin } from '../../src/admin/index.ts'
import { BadCall } from '../../src/admin/parameters.ts'
import { adminSocket, maximumCall } from '../../src/admin/protocol.ts'

const data = mkdtempSync(join(tmpdir(), 'tresor-admin-'))
const socketPath = join(data, adminSocket)
mkdirSync(join(data, 'run'))
const failures: string[] = []
const methods = {
  echo: async (parameters: unknown) => parameters,
  nothing: async () => undefined,
  refuse: async () => {
    throw new Error('no such thing; make it first')
  },
  hang: () => new Promise<never>(() => {}),
  'cluster.backup': () => new Promise((resolve) => setTimeout(resolve, 300, 'done')),
  misread: async () => {
    throw new BadCall('tenant: must be text')
  },
}
// A socket file that a killed process left is in nobody's way.
writeFileSync(socketPath, '')
const server = await serveAdmin({ socketPath, methods, onError: (method, error) => failures.push(`${method}: ${error.message}`) })
test.after.always(async () => {
  await server.close()
  rmSync(data, { recursive: true, force: true })
})

/** One HTTP call as it comes, without the client's checks. */
function raw(method: string, path: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method }, async (response) => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) })
    })
    call.on('error', reject)
    call.end(body)
  })
}

test('the socket is its owner alone', (t) => {
  t.is(statSync(socketPath).mode & 0o777, 0o600)
})

test('a call is answered with its result', async (t) => {
  t.deepEqual(await callAdmin(data, 'echo', { tenant: 'bank', count: [1, 2] }), { tenant: 'bank', count: [1, 2] })
  t.is(await callAdmin(data, 'nothing'), null)
})

test('a refusal is a sentence, and the log hears of it', async (t) => {
  await t.throwsAsync(callAdmin(data, 'refuse'), { message: 'no such thing; make it first' })
  t.true(failures.includes('refuse: no such thing; make it first'))
})

const calls: readonly (readonly [name: string, method: string, path: string, body: string, status: number, error: string])[] = [
  ['an unknown method', 'POST', '/tenant.frob', '{}', 404, 'there is no call POST /tenant.frob'],
  ["an object's own property", 'POST', '/constructor', '{}', 404, 'there is no call POST /constructor'],
  ['another HTTP method', 'GET', '/echo', '', 404, 'there is no call POST /echo'],
  ['what is no JSON', 'POST', '/echo', '{', 400, 'the call is no JSON object'],
  ['wrong parameters', 'POST', '/misread', '{}', 400, 'tenant: must be text'],
  ['a refused call', 'POST', '/refuse', '{}', 409, 'no such thing; make it first'],
  ['an oversized call', 'POST', '/echo', ' '.repeat(maximumCall + 1), 413, `the call is larger than ${maximumCall} bytes`],
]

for (const [name, method, path, body, status, error] of calls)
  test(`answers ${name} with ${status}`, async (t) => {
    t.deepEqual(await raw(method, path, body), { status, body: { error } })
  })

test('a call of just the largest size is taken', async (t) => {
  t.deepEqual(await raw('POST', '/echo', `{"a":"${'x'.repeat(maximumCall - 8)}"}`), {
    status: 200,
    body: { result: { a: 'x'.repeat(maximumCall - 8) } },
  })
})

test('where no node runs, that is said', async (t) => {
  await t.throwsAsync(callAdmin(join(data, 'elsewhere'), 'echo'), {
    instanceOf: NodeNotRunning,
    message: /start it: tresor --data .* serve/,
  })
})

test('a socket path that no system takes is refused before it is tried', async (t) => {
  const long = join(data, 'x'.repeat(120))
  await t.throwsAsync(serveAdmin({ socketPath: long, methods, onError: () => {} }), { message: /too long for a Unix socket/ })
  t.false(existsSync(long))
})

test('a node that does not answer is not waited for for ever; long work is', async (t) => {
  await t.throwsAsync(callAdmin(data, 'hang', {}, 100), {
    message: /^the node on .* did not answer hang within 0\.1 s: it hangs, .*What was asked may be done still/,
  })
  t.is(await callAdmin(data, 'cluster.backup', {}, 100), 'done')
  t.deepEqual(await callAdmin(data, 'echo', { one: 1 }), { one: 1 })
})
