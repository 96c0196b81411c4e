"""Drafts a sales e-mail; its outcome is the reply rate."""

import dspy


class DraftEmail(dspy.Signature):
    """Write a short e-mail to the recipient about the subject. It is good when it gets a reply."""

    recipient: str = dspy.InputField(desc="first name of the person who gets it")
    subject: str = dspy.InputField(desc="what it is about")
    email_body: str = dspy.OutputField(desc="the whole text of the e-mail")


class EmailDraft(dspy.Module):
    """One call of the language model."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = dspy.Predict(DraftEmail)

    def forward(self, recipient: str, subject: str) -> dspy.Prediction:
        """Draft the e-mail."""
        return self.draft(recipient=recipient, subject=subject)


def build() -> EmailDraft:
    """The program as written: version 1.0.0."""
    return EmailDraft()
