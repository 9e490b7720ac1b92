/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/decision.h"

const char *const decision_words[DECISIONS] = {
	[DECISION_CONTINUE] = "continue",
	[DECISION_ANSWER] = "answer",
	[DECISION_REPORT] = "report",
	[DECISION_SKIP] = "skip",
};
