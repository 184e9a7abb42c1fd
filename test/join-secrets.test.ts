import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfig } from '../src/config.ts'
import { rootSource } from '../src/configured-root.ts'
import { joinSecretsOf, joinSecretsTaker } from '../src/join-secrets.ts'
import { dataFolder } from '../src/node-files.ts'
import { NodeRoot } from '../src/node-root.ts'
import { createRoot, EpochSecretFiles, epochSecretId, newEpochSecret, readRoot } from '../src/partitions/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tresor-join-secrets-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

async function node(name: string) {
  const data = join(folder, name)
  mkdirSync(data)
  const config = await loadConfig({ data })
  const place = dataFolder(config)
  return { config, place, root: rootSource(config, place) }
}

test('who joins is given the root secret and those of the epochs, and nobody else can open what it is given', async (t) => {
  const [old, joining, other] = [await node('old'), await node('joining'), await node('other')]
  const rootSecret = await createRoot(old.root)
  const secret = newEpochSecret()
  const file = { partition: 'bank', epoch: 3, secretId: epochSecretId(secret) }
  new EpochSecretFiles(old.place.epochSecrets).keep(file, secret)
  const giver = joinSecretsOf(old.place, await NodeRoot.open(old.root, old.config))
  const [taker, stranger] = [
    await joinSecretsTaker(joining.place, joining.root, 'joining'),
    await joinSecretsTaker(other.place, other.root, 'joining'),
  ]
  const packed = await giver.pack({ name: 'joining', deliveryKey: taker.deliveryKey })
  await t.throwsAsync(stranger.take(packed), { message: /does not open/ })
  await taker.take(packed)
  t.deepEqual((await readRoot(joining.root)).expose(), rootSecret.expose())
  const taken = new EpochSecretFiles(joining.place.epochSecrets)
  t.deepEqual([taken.list(), taken.find(file)?.expose()], [[file], secret.expose()])
})
