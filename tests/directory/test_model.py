"""Audiences: who sees a conversation."""

from loadtest.directory import Agent, Audiences, Contact, Directory


def agent(
    user_id: int, role: str = "agent", inbox_ids: tuple[int, ...] = (), accounts: tuple[int, ...] = (1,)
) -> Agent:
    return Agent(accounts, user_id, role, inbox_ids, f"p{user_id}", f"a{user_id}")  # type: ignore[arg-type]


def contact(contact_id: int, account_id: int = 1, conversation_ids: tuple[int, ...] = ()) -> Contact:
    return Contact(
        account_id, contact_id, 5, f"s{contact_id}", f"c{contact_id}", "i5", conversation_ids=conversation_ids
    )


def test_members_and_administrators_see_an_inbox() -> None:
    """Members of the inbox and administrators of the account see its conversations, others do not."""
    audiences = Audiences(
        (agent(1, "administrator"), agent(2, inbox_ids=(5,)), agent(3, inbox_ids=(6,)), agent(4, "agent"))
    )

    assert frozenset({1, 2}) == audiences.user_ids(1, 5)


def test_an_administrator_who_is_a_member_counts_once() -> None:
    """An administrator who is also a member of the inbox is in its audience once."""
    audiences = Audiences((agent(1, "administrator", inbox_ids=(5,)),))

    assert frozenset({1}) == audiences.user_ids(1, 5)


def test_administrators_of_other_accounts_see_nothing() -> None:
    """An administrator sees the inboxes of its own accounts only."""
    audiences = Audiences((agent(1, "administrator", accounts=(2,)), agent(2, "administrator", accounts=(1, 2))))

    assert frozenset({2}) == audiences.user_ids(1, 5)


def test_account_user_ids_ignore_membership() -> None:
    """Everyone in an account is in the account's audience, whatever their inboxes."""
    audiences = Audiences((agent(1, inbox_ids=(5,)), agent(2), agent(3, accounts=(2,))))

    assert frozenset({1, 2}) == audiences.account_user_ids(1)


def test_the_first_account_is_subscribed_with() -> None:
    """An agent of several accounts subscribes with the first of them."""
    assert agent(1, accounts=(7, 3)).account_id == 7


def test_accounts_and_inboxes_of_a_directory_are_sorted_and_unique() -> None:
    """A directory lists each account and inbox that any identity names once, ascending."""
    directory = Directory((agent(1, inbox_ids=(9, 5), accounts=(3, 1)),), (contact(1), contact(2, account_id=2)))

    assert (directory.account_ids(), directory.inbox_ids()) == ((1, 2, 3), (5, 9))
