import test from 'ava'
import { defaultConnectionOptions } from '../../src/client/index.ts'
import { Node } from '../../src/client/node.ts'
import { defaultServerLimits } from '../../src/server/limits.ts'
import { listen } from '../../src/server/listener.ts'
import { silentLog } from '../../src/server/log.ts'
import { encode, integer, structure } from '../../src/ttlv/index.ts'
import { makePki } from '../support/listener.ts'

test('a client that is closed leaves no connection open, of a node that it had given up neither', async (t) => {
  const pki = await makePki()
  const bundle = await pki.client('demo', 'app')
  const listener = await listen<string>({
    host: '127.0.0.1',
    port: 0,
    tls: pki.tls,
    limits: defaultServerLimits,
    log: silentLog(),
    service: {
      identify: () => ({ peer: 'app', tenant: 'demo' }),
      same: () => true,
      respond: () => new Promise(() => {}),
      refuse: () => Buffer.alloc(0),
    },
  })
  t.teardown(() => listener.drain(0))
  const node = new Node(
    { host: '127.0.0.1', port: listener.port },
    {
      credentials: { ca: bundle.authority, cert: bundle.certificate, key: bundle.privateKey },
      connection: defaultConnectionOptions,
      connections: 1,
      probeTimeout: 100,
      probe: async () => false,
    },
  )
  const connection = await node.connection()
  const answer = connection.exchange(encode(structure('RequestMessage', [integer('BatchCount', 1)])))
  node.suspect()
  node.close()
  await t.throwsAsync(answer, { message: 'closed by this client' })
})
