import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import {
  type Authority,
  bundleFiles,
  createAuthority,
  createCrl,
  type Issued,
  issueClient,
  issueServer,
  type KeyKind,
  writeBundle,
} from '../../certs/index.ts'
import { ownAuthority } from '../../src/node-files.ts'
import { serialOf } from '../support/listener.ts'
import { startTestNode, type TestNode, type TestNodeOptions } from '../support/node.ts'
import { type Asked, ask, outcomes } from '../support/requests.ts'
import { type ClientBundle, RawClient } from '../support/tls-client.ts'

const query: Asked = ['Query', { queryFunctions: ['QueryOperations'] }]
const locate: Asked = ['Locate', { attributes: [] }]

async function start(t: ExecutionContext, options: TestNodeOptions = {}): Promise<TestNode> {
  const node = await startTestNode(options)
  t.teardown(() => node.remove())
  return node
}

async function open(t: ExecutionContext, node: TestNode, bundle: ClientBundle, options: ConnectionOptions = {}): Promise<RawClient> {
  const client = await RawClient.open(node.port, bundle, options)
  t.teardown(() => client.close())
  return client
}

/** What a client meets: an answer, or a closed door. In TLS 1.3 its handshake is over before the server has judged its certificate. */
async function meets(t: ExecutionContext, node: TestNode, bundle: ClientBundle, options: ConnectionOptions = {}): Promise<string> {
  const client = await RawClient.open(node.port, bundle, options).catch(() => undefined)
  t.teardown(() => client?.close())
  return ask(client as RawClient, [query]).then(
    (answer) => outcomes(answer).join(),
    () => 'closed',
  )
}

function bundleOf(authority: string, issued: Issued): ClientBundle {
  const privateKey = issued.privateKey?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? ''
  return { authority, certificate: issued.certificate, privateKey }
}

/** A server's certificate of one's own making, as an operator would configure it. */
async function serverFiles(
  t: ExecutionContext,
  key: KeyKind,
): Promise<{ readonly tls: { certificate: string; key: string }; readonly authority: Authority }> {
  const folder = await mkdtemp(join(tmpdir(), 'tresor-tls-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const authority = await createAuthority({ name: 'the operator', development: true })
  await writeBundle(folder, await issueServer(authority, { key }), { withoutPkcs12: true })
  return { tls: { certificate: join(folder, bundleFiles.certificate), key: join(folder, bundleFiles.privateKey) }, authority }
}

const only12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
const only13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const

for (const [name, ciphers, key, attempts] of [
  [
    'modern',
    'modern',
    'EC-P256',
    [
      [only12, 'ECDHE-ECDSA-AES128-GCM-SHA256', true],
      [only12, 'AES256-SHA256', false],
      [only13, 'TLS_AES_128_GCM_SHA256', true],
      [only13, 'TLS_CHACHA20_POLY1305_SHA256', true],
    ],
  ],
  [
    'a list for old appliances',
    'AES128-SHA256:AES256-SHA256',
    'RSA-2048',
    [
      [only12, 'AES128-SHA256', true],
      [only12, 'AES256-SHA256', true],
      [only12, 'ECDHE-RSA-AES256-GCM-SHA384', false],
      [only13, 'TLS_AES_256_GCM_SHA384', true],
    ],
  ],
  [
    'strict with an RSA key',
    'strict',
    'RSA-2048',
    [
      [only12, 'AES128-SHA256', true],
      [only12, 'AES256-SHA256', true],
      [only12, 'ECDHE-RSA-AES256-GCM-SHA384', false],
      [only13, 'TLS_AES_256_GCM_SHA384', true],
      [only13, 'TLS_CHACHA20_POLY1305_SHA256', true],
      [only13, 'TLS_AES_128_GCM_SHA256', false],
    ],
  ],
  [
    'strict with an EC key',
    'strict',
    'EC-P256',
    [
      [only12, 'ECDHE-ECDSA-AES128-GCM-SHA256', true],
      [only12, 'ECDHE-ECDSA-AES256-SHA384', true],
      [only12, 'ECDHE-ECDSA-CHACHA20-POLY1305', false],
    ],
  ],
] as const) {
  test(`cipher suites: ${name}`, async (t) => {
    const { tls, authority } = await serverFiles(t, key)
    const node = await start(t, { tls: { ...tls, ciphers } })
    const bundle = { ...node.client, authority: authority.certificate }
    for (const [versions, suite, served] of attempts) {
      t.is(await meets(t, node, bundle, { ...versions, ciphers: suite }), served ? 'Success' : 'closed', suite)
    }
  })
}

test('minimumVersion TLSv1.3 refuses 1.2', async (t) => {
  const node = await start(t, { tls: { minimumVersion: 'TLSv1.3' } })
  t.is(await meets(t, node, node.client, only12), 'closed')
  t.is(await meets(t, node, node.client, only13), 'Success')
})

test('who has no certificate, an expired one, one of another authority or one for servers is not let in', async (t) => {
  const node = await start(t)
  const authority = await ownAuthority(node.node.folder)
  const { authority: ca } = node.client
  const stranger = await createAuthority({ name: 'Tresor development CA', development: true })
  const bundles: Readonly<Record<string, ClientBundle>> = {
    expired: bundleOf(
      ca,
      await issueClient(authority, { tenant: 'demo', user: 'app', days: 1, now: new Date(Date.now() - 3 * 86_400_000) }),
    ),
    'of the same name': bundleOf(ca, await issueClient(stranger, { tenant: 'demo', user: 'app' })),
    'for a server': bundleOf(ca, await issueServer(authority)),
    'of a user nobody enrolled': bundleOf(ca, await issueClient(authority, { tenant: 'demo', user: 'ghost' })),
  }
  for (const versions of [only12, only13]) {
    t.is(await meets(t, node, node.client, versions), 'Success')
    t.is(await meets(t, node, node.client, { ...versions, cert: undefined, key: undefined }), 'closed')
    for (const [what, bundle] of Object.entries(bundles)) t.is(await meets(t, node, bundle, versions), 'closed', what)
  }
})

test('a rule lets the clients of a foreign authority in to its tenant, while the node runs, and to no other', async (t) => {
  const node = await start(t)
  const { registry } = node.node
  const shop = await node.enroll('shop', 'app')
  const foreign = await createAuthority({ name: 'bank CA', development: true })
  // Its certificates say what they like: here the URI of the tenant demo's own user.
  const posing = bundleOf(node.client.authority, await issueClient(foreign, { tenant: 'demo', user: 'app' }))
  t.is(await meets(t, node, posing), 'closed')
  await registry.addRule({
    id: 'shops-ca',
    anchor: foreign.certificate,
    match: [{ field: 'CN', pattern: '{user}' }],
    tenant: 'shop',
    user: '{user}',
  })
  const served = async () => {
    while ((await meets(t, node, posing)) === 'closed');
  }
  await served()
  const owner = await open(t, node, shop)
  const mine = await open(t, node, node.client)
  const key: Asked = [
    'Register',
    {
      objectType: 'OpaqueObject',
      templates: [],
      attributes: [],
      opaqueObject: { opaqueDataType: 0x80000001, opaqueDataValue: Buffer.of(1) },
    },
  ]
  t.deepEqual(outcomes(await ask(owner, [key])), ['Success'])
  t.deepEqual(outcomes(await ask(mine, [key, key])), ['Success', 'Success'])
  const posed = await open(t, node, posing)
  t.like((await ask(posed, [locate])).items[0], { status: 'Success', payload: { locatedItems: 1 } })
  await registry.removeRule('shops-ca')
  t.deepEqual(outcomes(await ask(posed, [locate])), ['AuthenticationNotSuccessful'])
  await posed.closed()
})

for (const workers of [0, 2]) {
  test(`files that change under a running node with ${workers} workers: a revocation list, then the server's certificate`, async (t) => {
    const node = await start(t, { workers })
    const leaves = await node.enroll('demo', 'leaves')
    const goes = await open(t, node, leaves)
    const stays = await open(t, node, node.client)
    t.deepEqual(outcomes(await ask(goes, [query])), ['Success'])
    const authority = await ownAuthority(node.node.folder)
    await writeFile(join(node.node.folder.crls, 'own.pem'), await createCrl(authority, [serialOf(leaves)]))
    await goes.closed()
    t.is(await meets(t, node, leaves), 'closed')
    t.deepEqual(outcomes(await ask(stays, [locate])), ['Success'])

    const before = serialOf({ ...leaves, certificate: pemOf(stays) })
    await writeBundle(node.node.folder.server, await issueServer(authority), { withoutPkcs12: true })
    let now = before
    while (now === before) {
      const next = await open(t, node, node.client)
      t.deepEqual(outcomes(await ask(next, [query])), ['Success'])
      now = serialOf({ ...leaves, certificate: pemOf(next) })
      next.close()
    }
    t.deepEqual(outcomes(await ask(stays, [locate])), ['Success'])
  })
}

function pemOf(client: RawClient): string {
  const der = client.socket.getPeerX509Certificate()?.raw.toString('base64') ?? ''
  return `-----BEGIN CERTIFICATE-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}

for (const versions of [only12, only13]) {
  test(`${versions.minVersion}: a resumed session is who it was, and no one once the user is removed`, async (t) => {
    const node = await start(t)
    const bundle = await node.enroll('demo', 'short-lived')
    const resume = async () => {
      const first = await open(t, node, bundle, versions)
      t.deepEqual(outcomes(await ask(first, [locate])), ['Success'])
      const resumed = await open(t, node, bundle, { ...versions, session: first.session })
      t.deepEqual(outcomes(await ask(resumed, [locate])), ['Success'])
      return { first, resumed }
    }
    let { first, resumed } = await resume()
    // The new user renews the TLS context, and with it the key of all tickets: that may come between the two.
    for (let attempt = 1; attempt < 20 && !resumed.socket.isSessionReused(); attempt++) ({ first, resumed } = await resume())
    t.true(resumed.socket.isSessionReused())
    await node.node.registry.removeUser('demo', 'short-lived')
    const again = await open(t, node, bundle, { ...versions, session: resumed.session ?? first.session }).catch(() => undefined)
    // Whether the ticket is still taken depends on when the changed settings renew the TLS context; the answer does not.
    t.is(again === undefined ? 'closed' : await ask(again, [query]).then(outcomes, () => 'closed'), 'closed')
    t.deepEqual(outcomes(await ask(resumed, [locate])), ['AuthenticationNotSuccessful'])
  })
}
