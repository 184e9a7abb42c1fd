import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { createPkcs11Partition, openPkcs11Partition, type TokenOptions } from '../../src/partitions/index.ts'
import { ckk, ckm, cko } from '../../src/partitions/pkcs11/constants.ts'
import { attributes } from '../../src/partitions/pkcs11/template.ts'
import { Token } from '../../src/partitions/pkcs11/token.ts'
import { makeIntegrityKey } from '../../src/partitions/pkcs11/token-keks.ts'
import { softHsm } from '../support/softhsm.ts'

const hsm = softHsm()
test.after.always(() => hsm.remove())

let count = 0
const newToken = (): TokenOptions => ({ name: 'bank', ...hsm.token(`first-${++count}`) })

async function labels(options: TokenOptions): Promise<string[]> {
  const token = await Token.open(options)
  try {
    const objects = await token.find({ TOKEN: true })
    const found = await Promise.all(objects.map((object) => token.attribute(object, 'LABEL')))
    return found.map((label) => label.toString('utf8')).sort()
  } finally {
    await token.close()
  }
}

const own = ['tresor-integrity', 'tresor-kek-1']

test.serial('three processes that begin at once make one set of keys, and the others are told that they are there', async (t) => {
  const program = fileURLToPath(new URL('../support/first-keys-child.js', import.meta.url))
  // SoftHSM shows a process the tokens that were there when it loaded the module.
  const tokens = Array.from({ length: 5 }, newToken)
  const children = Array.from({ length: 3 }, () => fork(program, { execArgv: ['--enable-source-maps'] }))
  t.teardown(() => children.forEach((child) => void child.kill('SIGKILL')))
  await Promise.all(children.map((child) => once(child, 'message')))
  for (const token of tokens) {
    const answers = children.map(async (child) => String((await once(child, 'message'))[0]))
    for (const child of children) child.send(token)
    const said = await Promise.all(answers)
    t.is(said.filter((answer) => answer === 'made').length, 1, said.join('\n'))
    t.is(said.filter((answer) => /has Tresor's keys already/.test(answer)).length, 2, said.join('\n'))
    t.deepEqual(await labels(token), own)
  }
})

test.serial('what a maker left that was killed is removed, and the keys are made', async (t) => {
  const options = newToken()
  const token = await Token.open(options)
  const doing = { partition: 'bank', mechanism: 'test' }
  // Killed when it had made one of the two; its mark stands.
  const mark = { CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, TOKEN: true, LABEL: 'tresor-making', ID: Buffer.alloc(16, 1), VALUE_LEN: 16 }
  await token.generate(doing, ckm.AES_KEY_GEN, attributes(mark))
  await makeIntegrityKey(token, 'stays')
  await token.close()
  await createPkcs11Partition(options)
  t.deepEqual(await labels(options), own)
  await (await openPkcs11Partition(options)).close()
})

test.serial('who was taken for killed and goes on destroys what it made, and nothing else', async (t) => {
  const options = newToken()
  const { generate } = Token.prototype
  t.teardown(() => {
    Token.prototype.generate = generate
  })
  // Its mark goes while it makes them.
  Token.prototype.generate = async function (this: Token, doing, mechanism, template) {
    const made = await generate.call(this, doing, mechanism, template)
    const [mark] = await this.find({ LABEL: 'tresor-making', TOKEN: true })
    if (mechanism === ckm.GENERIC_SECRET_KEY_GEN && mark !== undefined) await this.destroy(mark)
    return made
  }
  await t.throwsAsync(createPkcs11Partition(options), { message: /took so long that another may have begun to/ })
  t.deepEqual(await labels(options), [])
})
