import type { Command } from '../command.ts'

export const rootChange: Command = {
  name: 'root change',
  usage: '[SECTION]',
  summary: 'Change where the root secret of software partitions comes from.',
  details: `The node must be stopped. SECTION is what the section root of tresor.yaml shall be, as YAML, and is written there:
  tresor root change 'passphraseFile: /etc/tresor/passphrase'
  tresor root change 'passphraseFile: credential:tresor'
  tresor root change 'command: [tpm2_unseal, -c, "0x81000001"]'
  tresor root change 'pkcs11: { module: /usr/lib/vendor.so, token: root, pinFile: pins/root }'
On a node that stands alone the secret becomes a new one, and every software partition is sealed anew under it. In a cluster all nodes have
the same, so it stays and only this node keeps it otherwise. The old file goes last; should it be interrupted, run it again, without SECTION.
Who has a copy of the old secret AND of the store from before has the key-encryption keys: turn the partitions' epochs as well.`,
  arity: [0, 1],
  options: {},
  async run(invocation) {
    const { changeRootSecret } = await import('../change-root.ts')
    await changeRootSecret(invocation)
  },
}
