import test from 'ava'
import { loadConfig } from '../src/config.ts'
import { checkStart, placed } from '../src/partition-opener.ts'

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

for (const [title, ofBank, ofShop, says] of [
  ['the same', 'a', 'a', undefined],
  ['none', undefined, undefined, undefined],
  ['others', 'a', 'b', /starts \/module\.so with a for partition bank, and starts a module once\. Give both the same parameters/],
  ['some, where there are none', undefined, 'b', /starts \/module\.so without parameters for partition bank/],
] as const)
  test(`a module is started once, so what it is told for a second partition is what it was told for the first: ${title}`, async (t) => {
    const given = (parameters: string | undefined) => (parameters === undefined ? {} : { parameters })
    const config = { ...(await loadConfig({ data: '/nowhere' })), partitions: { bank: given(ofBank) } }
    const known = [defined, { kind: 'software', name: 'demo', ring: '' }, { ...defined, name: 'far', module: '/other.so' }] as const
    const check = () => checkStart(config, known, { ...defined, name: 'shop', ...given(ofShop) })
    if (says === undefined) t.notThrows(check)
    else t.throws(check, { message: says })
  })
