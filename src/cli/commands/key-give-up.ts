import { type Command, CommandError, textOption } from '../command.ts'
import { askNode, dataWords } from '../place.ts'

export const keyGiveUp: Command = {
  name: 'key give-up',
  usage: 'TENANT IDENTIFIER [--confirm IDENTIFIER]',
  summary: 'Give up an object whose stored record is damaged, so that an epoch turn or a move can end.',
  details: `For a record that cannot be opened and that no backup brings back: partition turn-epoch and partition migrate name such records. The object is Destroyed
from then on, and its clients are told so; its names may be given to other objects. It cannot be undone. An object whose record is whole is not
given up: its tenant's clients destroy it. Without --confirm it says what is wrong with the record, and changes nothing.`,
  arity: [2, 2],
  options: { confirm: { type: 'string', value: 'IDENTIFIER', help: 'the identifier once more: give it up' } },
  async run(invocation) {
    const { output } = invocation
    const [tenant, id] = invocation.arguments
    const confirm = textOption(invocation, 'confirm')
    const asked = { tenant, id, ...(confirm === undefined ? {} : { confirm }) }
    const answer = await askNode<{ readonly problem: string; readonly givenUp: boolean }>(invocation, 'key.give-up', asked)
    if (!answer.givenUp)
      throw new CommandError(
        `object ${id} of tenant ${tenant} cannot be opened: ${answer.problem}. Nothing was changed. Restore it from a backup; or, to have it destroyed for good: tresor ${dataWords(invocation)}key give-up ${tenant} ${id} --confirm ${id}`,
      )
    output.step('given up', `object ${id} of tenant ${tenant}, which is destroyed: ${answer.problem}`, {
      tenant,
      id,
      problem: answer.problem,
    })
  },
}
