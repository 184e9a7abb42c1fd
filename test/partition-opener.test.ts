import test from 'ava'
import { loadConfig } from '../src/config.ts'
import { placed } from '../src/partition-opener.ts'

const defined = { kind: 'pkcs11', name: 'bank', module: '/module.so', token: 'bank', serial: '7', pinFile: '/pin' } as const

test('a partition is opened as it is defined, where the configuration says nothing of it', async (t) => {
  const config = await loadConfig({ data: '/nowhere' })
  t.deepEqual(placed(config, defined), { name: 'bank', module: '/module.so', token: 'bank', serial: '7', pinFile: '/pin' })
})

for (const [title, here, expected] of [
  ['a token of its own has another serial number', { token: 'mine' }, { token: 'mine', serial: undefined }],
  ['operations in parts at a time', { streams: 4 }, { token: 'bank', serial: '7', streams: 4 }],
] as const)
  test(`what the node's configuration says of a partition wins: ${title}`, async (t) => {
    const config = await loadConfig({ data: '/nowhere' })
    const options = placed({ ...config, partitions: { bank: here } }, defined)
    const { token, serial, streams } = options
    t.deepEqual({ token, serial, ...(streams === undefined ? {} : { streams }) }, { ...expected })
  })
