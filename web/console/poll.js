/**
 * Asks something again and again while it is looked at, one question after the other.
 */

/**
 * @param {() => Promise<void>} ask handles its own errors
 * @param {number} pause between an answer and the next question, in milliseconds
 */
export function createPoll(ask, pause) {
  let on = false;
  let asking = false;
  let timer = 0;

  const now = async () => {
    clearTimeout(timer);
    if (!on || asking || document.hidden) return;
    asking = true;
    try {
      await ask();
    } finally {
      asking = false;
      if (on) timer = window.setTimeout(now, pause);
    }
  };
  document.addEventListener("visibilitychange", now);

  return {
    /** Begins, or goes on at once. */
    start() {
      on = true;
      now();
    },
    stop() {
      on = false;
      clearTimeout(timer);
    },
  };
}
