// A limit with its unit in base units, as reporter/report/choosing/amounts.py reads it; null without a text, NaN where it
// is none, as a share above 1. Where numbers have a decimal comma, one is accepted, and spaces between groups of digits.
const amount = (text, kind, units, decimal) => {
  let typed = text.trim().toLowerCase();
  if (!typed) return null;
  if (decimal === ",") typed = typed.replace(/(\d)\s(?=\d{3}(?!\d))/g, "$1").replace(",", ".");
  const [, number, unit] = typed.match(/^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([^\d\s].*)?$/) ?? [];
  const found = Number((Number(number) * (unit ? units[kind][unit] : 1)).toPrecision(15));
  return found > 0 && found <= (kind === "share" ? 1 : Number.MAX_VALUE) ? found : NaN;
};
