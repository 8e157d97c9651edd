// How a query is understood: the error, the words and the names in it. Nothing here knows of a page.
"use strict";
(() => {
  const MAX_UNITS = 28;
  const MAX_SHINGLES = 40;
  const HAN = /[\u3400-\u4dbf\u4e00-\u9fff]/;
  const HAN_RUNS = /[\u3400-\u4dbf\u4e00-\u9fff]+/g;
  const LONGEST_HAN = 8;
  const WORD = /[a-z0-9_]+(?:\.[a-z0-9_]+)*/g;
  // Words that say that something is asked, and not what.
  const HAN_STOP = new Set(
    ("为什么 为何 是什么 什么 有什么 什么时候 什么意思 干什么 做什么 怎么 怎么办 怎么样 怎样 如何 哪些 哪个 哪里 哪种 多少 能不能 可不可以 是不是 有没有 " +
      "可以 能够 应该 需要 必须 请问 求助 求教 请教 大佬 大神 一下 一个 一些 一直 每次 都要 干嘛 问题 关于 对于 其中 这个 那个 这样 那样 这里 这些 那些 时候 " +
      "我们 我的 自己 自己的 别人 没有 不是 不能 不会 还是 还有 但是 可是 而且 因为 所以 如果 的话 已经 正在 出现 遇到 发生 进行 使用 利用 采用 调用 解决 处理 " +
      "办法 方法 方式 详解 教程 总结 介绍 理解 意思 作用 用途 区别 不同 有什么用 情况 里面 之间 以及 或者 然后 现在 突然 老是 总是 为啥 咋办 到底 究竟 " +
      "报错 错误 出错 提示 操作 实现 代码 函数 中 pytorch").split(" "),
  );
  const STOP_WORDS = new Set(
    ("a an and are as at be between by can could do does for from get had has have how i if in into is it its me my of on " +
      "or our should so some than that the their them then there this to too use using was we were what when where " +
      "which why will with without would you your vs about am been own").split(" "),
  );
  // Words that stand in every other question. As parts of a pasted message they are looked for all the same.
  const IDLE_WORDS = new Set(
    ("not but still very after before getting got pytorch torch error errors any also always just need needs want trying try " +
      "please help anyone proper properly correct correctly way ways new work works working does doesn doing make makes " +
      "problem problems issue issues question understand understanding explain explanation meaning difference " +
      "differences really actually even only these those they he she cannot cant dont isn isnt didn don right " +
      "when while during because happen happens happening give gives given code function method " +
      "possible best good better easy simple something").split(" "),
  );

  // ---- Words ------------------------------------------------------------------------------------------------------

  /** The words of a message without its numbers, each between blanks. */
  const withoutNumbers = (text) => ` ${(text.toLowerCase().match(/[a-z_]{2,}/g) || []).join(" ")} `;

  const singular = (word) => {
    if (word.length < 4 || !word.endsWith("s") || /(ss|us|is|as)$/.test(word)) return word;
    return word.endsWith("ies") ? `${word.slice(0, -3)}y` : word.slice(0, -1);
  };

  /** What related English words begin with: "normalizing" and "normalization" with "normaliz". */
  const stem = (word) => {
    const match = /^([a-z]{4,}?)(?:ization|isation|ations?|ating|ions?|ings?|ed|er|e)$/.exec(word);
    return match ? match[1] : "";
  };

  /** A run of Chinese as words: as few as can be of those in `known`; what none covers stays single characters. */
  const segment = (run, known) => {
    const best = [{ cost: 0, from: 0 }];
    for (let end = 1; end <= run.length; end += 1) {
      best[end] = { cost: best[end - 1].cost + 1.6, from: end - 1 };
      for (let from = Math.max(0, end - LONGEST_HAN); from <= end - 2; from += 1) {
        const cost = best[from].cost + 1 - 0.01 * (end - from);
        if (cost < best[end].cost && known.has(run.slice(from, end))) best[end] = { cost, from };
      }
    }
    const words = [];
    for (let end = run.length; end > 0; end = best[end].from) words.unshift(run.slice(best[end].from, end));
    return words;
  };

  /** The terms of a phrase, to compare it with a query: names, words in the singular, Chinese words. */
  const terms = (text, known) => {
    const low = text.toLowerCase();
    const found = new Set();
    for (const word of low.match(WORD) || []) {
      if (STOP_WORDS.has(word) || IDLE_WORDS.has(word)) continue;
      for (const part of [word, ...word.split(/[._]+/)]) if (part.length > 1) found.add(singular(part.replace(/^_+|_+$/g, "")));
    }
    for (const run of low.match(HAN_RUNS) || []) {
      for (const word of segment(run, known)) if (word.length > 1 && !HAN_STOP.has(word)) found.add(word);
    }
    return found;
  };

  // ---- The message in a pasted traceback --------------------------------------------------------------------------

  const CLASS = /(?:^|[\s:>(（，,：])((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit))\s*[:：]\s*/g;
  // What stands after a message, and is none of it. The lines of a paste may have been joined.
  const AFTER = [
    /\s+File "[^"]*", line \d+.*$/is, /\s+Traceback \(most recent call last\).*$/is, /\s*Process finished with exit code.*$/is,
    /\s*进程已结束.*$/s, /\s*During handling of the above exception.*$/is,
    /\s*The above exception was the direct cause.*$/is, /\s+at [\w:/\\.-]*[\\/][\w\\/.-]+\.\w+:\d+.*$/is, /\s*\(Triggered internally at.*$/is,
    /\s*\[W\d.*$/s, /\s+warnings\.warn\(.*$/is, /\s*Exception raised from .*$/is, /\s*Compile with `?TORCH_USE_CUDA_DSA.*$/is,
  ];

  /** The last error that a text names with its message: {name, text}; null if it names none. */
  const message = (text) => {
    const ignored = text.search(/Exception ignored in/i);
    const before = ignored > 0 && text.slice(0, ignored).search(CLASS) >= 0;
    const told = before ? text.slice(0, ignored) : text;
    for (const match of [...told.matchAll(CLASS)].reverse()) {
      let rest = told.slice(match.index + match[0].length);
      for (const pattern of AFTER) rest = rest.replace(pattern, "");
      if (rest.trim()) return { name: match[1], text: rest.trim() };
    }
    return null;
  };

  // ---- Units: what is looked for ----------------------------------------------------------------------------------

  const makeUnit = (text, weight = 1, optional = false) => ({ forms: [{ text, factor: 1 }], text, weight, optional });

  const hanUnits = (data, text) => {
    const units = [];
    const alone = !/[a-z0-9]/.test(text);
    for (const run of text.match(HAN_RUNS) || []) {
      if (run.length === 1) {
        if (alone) units.push(makeUnit(run)); // a character says little, unless it is all there is
        continue;
      }
      for (const word of segment(run, data.words)) {
        if (word.length > 1 && !HAN_STOP.has(word)) units.push(makeUnit(word));
      }
    }
    return units;
  };

  const latinUnits = (data, text, isMessage) => {
    const units = [];
    const words = (text.match(WORD) || []).map((word) => word.replace(/^_+|_+$/g, "")).filter(Boolean);
    const isIdle = (word) => STOP_WORDS.has(word) || IDLE_WORDS.has(word) || /^[\d.x]+$/.test(word);
    const asked = words.filter((word) => !isIdle(word));
    const used = asked.length || HAN.test(text) ? asked : words;
    const plain = (word, weight, isLast) => {
      let wanted = singular(word);
      if (wanted.length >= 3 && /^[a-z]/.test(wanted) && !data.knows(wanted) && !(stem(wanted) && data.knows(stem(wanted)))) {
        const near = !isMessage && used.length <= 8 ? data.nearest(wanted, isLast) : "";
        wanted = near || wanted;
      }
      const unit = makeUnit(wanted, weight);
      if (stem(wanted)) unit.forms.push({ text: stem(wanted), factor: 0.8 });
      units.push(unit);
    };
    used.forEach((word, at) => {
      const isLast = at === used.length - 1 && text.endsWith(word);
      const parts = word.split(/[._]+/).filter(Boolean);
      if (parts.length < 2) {
        plain(word, 1, isLast);
        return;
      }
      const whole = data.knows(word);
      const name = word.split(".").pop();
      const nameCounts = name !== word && name.length > 1 && data.knows(name);
      if (whole) units.push(makeUnit(word, 1.5, nameCounts));
      if (nameCounts) units.push(makeUnit(name, whole ? 0.8 : 1.5));
      else if (!whole) plain(name, 1.5, isLast);
    });
    return units;
  };

  /** A query as what is looked for in `data`, the text of one language. */
  const understand = (data, typed) => {
    const told = message(typed);
    let text = (told ? `${told.name}: ${told.text}` : typed).normalize("NFKC");
    text = text.replace(/[\u4e00-\u9fff]/g, (character) => data.simplified.get(character) || character).toLowerCase();
    const sound = text.replace(/ü/g, "v").replace(/[^a-z]+/g, "");
    if (sound.length > 1 && !data.knows(sound)) text = data.soundsLike(sound) || text;
    const words = withoutNumbers(told ? told.text : text).trim().split(" ");
    const shingles = words.length < 4 ? [] : words.slice(2, 2 + MAX_SHINGLES).map((_, at) => ` ${words.slice(at, at + 3).join(" ")} `);
    const seen = new Set();
    const units = [...hanUnits(data, text), ...latinUnits(data, told ? told.text.toLowerCase() : text, Boolean(told))]
      .filter((unit) => !seen.has(unit.text) && seen.add(unit.text))
      .slice(0, MAX_UNITS);
    return { units, shingles, told, text };
  };

  const hasHan = (text) => HAN.test(text);
  self.searchWords = { understand, terms, withoutNumbers, message, hasHan, stopWords: HAN_STOP, names: WORD, hanRuns: HAN_RUNS };
})();
