import { type CacheLimits, Lru } from '../lru.ts'
import type { Handle } from './cryptoki.ts'

/** The forms of one key in the token: an AES key that also makes HMACs is two objects. */
interface Holding {
  readonly forms: Map<string, Promise<Handle>>
  users: number
  dropped: boolean
}

/** An object that is not destroyed before it is released. */
export interface LentObject {
  readonly object: Handle
  release(): void
}

/**
 * The unwrapped keys in the token, as session objects, the least recently used destroyed first. An object in use
 * outlives its eviction until its last user is done.
 */
export class HeldObjects {
  readonly #destroy: (object: Handle) => void
  readonly #holdings: Lru<Holding>

  constructor(limits: CacheLimits, destroy: (object: Handle) => void) {
    this.#destroy = destroy
    this.#holdings = new Lru(limits, (holding) => {
      holding.dropped = true
      this.#release(holding)
    })
  }

  /** The object until it is released, which is done once. It is made by `make` when it is not held; requests that miss at once share one making. */
  async lend(handle: string, form: string, make: () => Promise<Handle>): Promise<LentObject> {
    const holding = this.#holdings.get(handle) ?? this.#hold(handle)
    holding.users++
    const release = () => {
      holding.users--
      this.#release(holding)
    }
    try {
      return { object: await this.#object(holding, form, make), release }
    } catch (error) {
      release()
      throw error
    }
  }

  forget(handle: string): void {
    this.#holdings.delete(handle)
  }

  clear(): void {
    this.#holdings.clear()
  }

  #hold(handle: string): Holding {
    const holding: Holding = { forms: new Map(), users: 0, dropped: false }
    this.#holdings.set(handle, holding, 0)
    return holding
  }

  #object(holding: Holding, form: string, make: () => Promise<Handle>): Promise<Handle> {
    const known = holding.forms.get(form)
    if (known !== undefined) return known
    const made = make()
    holding.forms.set(form, made)
    made.catch(() => holding.forms.delete(form))
    return made
  }

  #release(holding: Holding): void {
    if (!holding.dropped || holding.users > 0) return
    for (const object of holding.forms.values()) {
      object.then(this.#destroy, () => {})
    }
    holding.forms.clear()
  }
}
